// Receipts issues a receipt for each settled payment: events come and go over HTTP on localhost.
package main

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var sidecar = http.Client{Timeout: 30 * time.Second}

func isSidecar(header http.Header) bool {
	token, err := os.ReadFile(os.Getenv("QSL_EVENTING_TOKEN_FILE"))
	expected := append([]byte("Bearer "), token...)
	return err == nil && subtle.ConstantTimeCompare([]byte(header.Get("Authorization")), expected) == 1
}

type payment struct {
	PaymentID string  `json:"paymentId"`
	Amount    float64 `json:"amount"`
	Currency  string  `json:"currency"`
}

// The status decides: 2xx is done, 422 is never, 503 is later.
func handle(header http.Header, body io.Reader) int {
	var core payment
	if json.NewDecoder(body).Decode(&core) != nil || core.PaymentID == "" || core.Currency == "" || !(core.Amount > 0) {
		return http.StatusUnprocessableEntity
	}
	correlation, err := url.PathUnescape(header.Get("QSL-Correlation-Id"))
	if err != nil {
		return http.StatusUnprocessableEntity
	}
	return publish(map[string]any{
		"source":     "qsl.receipt",
		"detailType": "Receipt.Issued.v1",
		"resource":   "urn:qsl:receipts:receipt:" + core.PaymentID,
		"trace":      map[string]string{"correlationId": correlation},
		"detailCore": core,
	}, "receipt-"+header.Get("QSL-Event-Key"))
}

func publish(event any, key string) int {
	body, err := json.Marshal(event)
	if err != nil {
		return http.StatusUnprocessableEntity
	}
	request, err := http.NewRequest(http.MethodPost, os.Getenv("QSL_EVENTING_URL")+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return http.StatusServiceUnavailable
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	answer, err := sidecar.Do(request)
	if err != nil {
		log.Print("not published: ", err)
		return http.StatusServiceUnavailable
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	switch answer.StatusCode {
	case http.StatusAccepted:
		return http.StatusOK
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge: // the same for ever
		log.Printf("not published: %d %s", answer.StatusCode, said)
		return http.StatusUnprocessableEntity
	default:
		log.Printf("not published: %d %s", answer.StatusCode, said)
		return http.StatusServiceUnavailable
	}
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("POST /payments", func(response http.ResponseWriter, request *http.Request) {
		if !isSidecar(request.Header) {
			response.WriteHeader(http.StatusUnauthorized)
			return
		}
		response.WriteHeader(handle(request.Header, request.Body))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("listening on port ", listener.Addr().(*net.TCPAddr).Port)
	var server http.Server
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go server.Serve(listener)
	<-stopped.Done()
	server.Shutdown(context.Background())
}
