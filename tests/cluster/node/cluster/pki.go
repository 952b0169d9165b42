package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority is the one certificate authority of a cluster: it signs the servers and every client.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// newAuthority makes a self-signed authority that lives as long as a test cluster does.
func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate("qsl-cluster")
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, pem: encodeCertificate(der)}, nil
}

// certificate is a template with a random serial number, valid from an hour ago for a year.
func certificate(commonName string, groups ...string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // The system has no randomness: nothing can go on.
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName, Organization: groups},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
}

// identity is a certificate and its private key, both as PEM.
type identity struct{ cert, key []byte }

// client issues a certificate by which a user with these groups is known to the API server.
func (a *authority) client(user string, groups ...string) (identity, error) {
	template := certificate(user, groups...)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(template)
}

// server issues a certificate for these names, which may be DNS names or IP addresses.
func (a *authority) server(names ...string) (identity, error) {
	template := certificate(names[0])
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return a.issue(template)
}

func (a *authority) issue(template *x509.Certificate) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return identity{}, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return identity{}, err
	}
	return identity{cert: encodeCertificate(der), key: keyPEM}, nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// serviceAccountKeys makes the pair with which service-account tokens are signed and checked.
func serviceAccountKeys() (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if private, err = encodeKey(key); err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// kubeconfig is a complete client configuration with everything embedded. JSON is YAML, so clients take it.
func (a *authority) kubeconfig(server string, id identity) ([]byte, error) {
	encode := base64.StdEncoding.EncodeToString
	object := func(pairs ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			out[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		return out
	}
	return json.MarshalIndent(object(
		"apiVersion", "v1", "kind", "Config", "current-context", "qsl",
		"clusters", []any{object("name", "qsl", "cluster",
			object("server", server, "certificate-authority-data", encode(a.pem)))},
		"users", []any{object("name", "qsl", "user",
			object("client-certificate-data", encode(id.cert), "client-key-data", encode(id.key)))},
		"contexts", []any{object("name", "qsl", "context", object("cluster", "qsl", "user", "qsl"))},
	), "", "  ")
}

// credentials are the files of one cluster's keys and certificates, all in one folder.
type credentials struct {
	authority *authority
	dir       string
}

// newCredentials writes the authority, the API server's certificate and the service-account keys into dir.
func newCredentials(dir string, names []string) (*credentials, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	c := &credentials{authority: ca, dir: dir}
	private, public, err := serviceAccountKeys()
	if err != nil {
		return nil, err
	}
	caKey, err := encodeKey(ca.key)
	if err != nil {
		return nil, err
	}
	server, err := ca.server(names...)
	if err != nil {
		return nil, err
	}
	admin, err := ca.client("qsl-admin", "system:masters")
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{
		"ca.crt": ca.pem, "ca.key": caKey, "sa.key": private, "sa.pub": public,
		"apiserver.crt": server.cert, "apiserver.key": server.key,
		"admin.crt": admin.cert, "admin.key": admin.key,
	} {
		if err := os.WriteFile(c.path(name), content, 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// path is the full path of one of the credential files.
func (c *credentials) path(name string) string { return filepath.Join(c.dir, name) }

// writeKubeconfig writes a kubeconfig for a user to a path.
func (c *credentials) writeKubeconfig(path, server, user string, groups ...string) error {
	id, err := c.authority.client(user, groups...)
	if err != nil {
		return err
	}
	content, err := c.authority.kubeconfig(server, id)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// openCredentials reads what newCredentials wrote, as far as a client needs it.
func openCredentials(dir string) (*credentials, error) {
	content, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s/ca.crt is not PEM", dir)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	return &credentials{authority: &authority{cert: cert, pem: content}, dir: dir}, nil
}
