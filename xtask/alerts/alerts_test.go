// Whether the chart's alerts fire when they should: cases.txt, on Prometheus' own engine; and whether it takes the queries
// of the dashboards.
package alerts

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// What cases.txt writes in place of an alert's expression.
var named = regexp.MustCompile(`alert:(\w+)`)

// Where a command begins: Prometheus wants an empty line there.
var command = regexp.MustCompile(`(?m)^(clear|load|eval) ?`)

func TestDashboards(t *testing.T) {
	// Each as a recording rule.
	groups, errs := rulefmt.ParseFile(os.Getenv("QSL_QUERIES"), false)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if len(groups.Groups) != 1 || len(groups.Groups[0].Rules) == 0 {
		t.Fatal("no queries")
	}
}

func TestAlerts(t *testing.T) {
	// As `cargo xtask lint --only alerts` renders them. Expressions and templates are parsed by this.
	groups, errs := rulefmt.ParseFile(os.Getenv("QSL_RULES"), false)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	expressions := map[string]string{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			expressions[rule.Alert] = strings.Join(strings.Fields(rule.Expr), " ")
		}
	}
	text, err := os.ReadFile("cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for name := range expressions {
		left[name] = true
	}
	cases := named.ReplaceAllStringFunc(string(text), func(found string) string {
		name := strings.TrimPrefix(found, "alert:")
		expression, ok := expressions[name]
		if !ok {
			t.Fatalf("there is no alert %s", name)
		}
		delete(left, name)
		return expression
	})
	if len(left) > 0 {
		t.Fatalf("no case for %v", left)
	}
	// The tests' language asks for both.
	options := promql.EngineOpts{MaxSamples: 1000000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true}
	promqltest.RunTest(t, command.ReplaceAllString(cases, "\n$0"), promql.NewEngine(options))
}
