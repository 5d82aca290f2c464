//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	mobynet "github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	tcwait "github.com/testcontainers/testcontainers-go/wait"
	"github.com/twmb/franz-go/pkg/kadm"
)

// fortress is a cluster of one broker that lets nobody in without a login, and nobody do what no ACL allows. Tests look
// after it on a listener of their own, where anybody may do everything. Sessions last for five seconds.
type fortress struct {
	*cluster
	authority *authority // of the broker and of clients
	dir       string     // of files that are the same for all tests

	locked string // address with TLS and logins
	login  string // address with logins
	mutual string // address with TLS, for clients with a certificate
}

// Listeners of the fortress, by their ports in the container. Kafka's image wants files for those that are named after their
// protocol.
const (
	portLocked = "9096"
	portLogin  = "9097"
	portMutual = "9098"
)

// sessions is connections.max.reauth.ms of the fortress.
const sessions = 5 * time.Second

// fortressOf gives the fortress, which is started when it is first asked for.
func fortressOf(t testing.TB) *fortress {
	t.Helper()
	if external() != nil {
		t.Skipf("this test needs listeners, users and ACLs that those of %s don't have", envBrokers)
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if run.fortress != nil {
		return run.fortress
	}
	began := time.Now()
	f := &fortress{authority: newAuthority(t, "e2e authority"), dir: filepath.Join(run.dir, "fortress")}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	f.start(t)
	f.addUsers(t)
	t.Logf("secured broker up after %.1f s", time.Since(began).Seconds())
	run.fortress = f
	return f
}

func (f *fortress) start(t testing.TB) {
	t.Helper()
	ports, err := freePorts(4)
	if err != nil {
		t.Fatal(err)
	}
	image := os.Getenv(envImage)
	if image == "" {
		image = defaultImage
	}
	open := local(ports[0])
	f.locked, f.login, f.mutual = local(ports[1]), local(ports[2]), local(ports[3])
	bindings := mobynet.PortMap{}
	exposed := []string{portOutside, portLocked, portLogin, portMutual}
	for i, p := range exposed {
		exposed[i] = p + "/tcp"
		bindings[mobynet.MustParsePort(exposed[i])] = bound(ports[i])
	}
	box, err := testcontainers.Run(
		run.ctx, image,
		testcontainers.WithLabels(labels()), testcontainers.WithEnv(f.settings(t, open)), testcontainers.WithExposedPorts(exposed...),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.PortBindings = bindings }),
		testcontainers.WithWaitStrategyAndDeadline(2*time.Minute, tcwait.ForLog("Kafka Server started")),
	)
	if err != nil {
		t.Fatalf("starting a secured broker from image %s: %v", image, err)
	}
	b := &broker{engine: run.engine, id: 1, addr: open, box: box}
	if f.cluster, err = clusterAt(run.ctx, []string{open}, []*broker{b}); err != nil {
		t.Fatal(err)
	}
}

// settings are the broker's.
func (f *fortress) settings(t testing.TB, open string) map[string]string {
	t.Helper()
	env := brokerSettings(1, 1, open, open)
	own := f.authority.sign(t, "broker")
	const oauth = `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`
	const scram = `org.apache.kafka.common.security.scram.ScramLoginModule required;`
	plain := `org.apache.kafka.common.security.plain.PlainLoginModule required`
	for _, u := range users {
		plain += fmt.Sprintf(" user_%s=%q", u, passwordOf(u))
	}
	for _, listener := range []string{"LOCKED", "LOGIN"} {
		prefix := "KAFKA_LISTENER_NAME_" + listener + "_"
		env[prefix+"PLAIN_SASL_JAAS_CONFIG"] = plain + ";"
		env[prefix+"SCRAM___SHA___256_SASL_JAAS_CONFIG"] = scram
		env[prefix+"SCRAM___SHA___512_SASL_JAAS_CONFIG"] = scram
		env[prefix+"OAUTHBEARER_SASL_JAAS_CONFIG"] = oauth
	}
	for name, value := range map[string]string{
		"CONTROLLER_QUORUM_VOTERS":       "1@localhost:" + portController,
		"LISTENERS":                      "OUTSIDE://:" + portOutside + ",LOCKED://:" + portLocked + ",LOGIN://:" + portLogin + ",MUTUAL://:" + portMutual + ",INSIDE://:" + portInside + ",CONTROLLER://:" + portController,
		"ADVERTISED_LISTENERS":           "OUTSIDE://" + open + ",LOCKED://" + f.locked + ",LOGIN://" + f.login + ",MUTUAL://" + f.mutual + ",INSIDE://localhost:" + portInside,
		"LISTENER_SECURITY_PROTOCOL_MAP": "OUTSIDE:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT,LOCKED:SASL_SSL,LOGIN:SASL_PLAINTEXT,MUTUAL:SSL",
		"SASL_ENABLED_MECHANISMS":        "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"CONNECTIONS_MAX_REAUTH_MS":      strconv.FormatInt(sessions.Milliseconds(), 10),

		"AUTHORIZER_CLASS_NAME": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"SUPER_USERS":           "User:ANONYMOUS",
	} {
		env["KAFKA_"+name] = value
	}
	for _, listener := range []string{"LOCKED", "MUTUAL"} {
		prefix := "KAFKA_LISTENER_NAME_" + listener + "_SSL_"
		env[prefix+"KEYSTORE_TYPE"] = "PEM"
		env[prefix+"KEYSTORE_CERTIFICATE_CHAIN"] = inProperties(own.cert)
		env[prefix+"KEYSTORE_KEY"] = inProperties(own.key)
		env[prefix+"TRUSTSTORE_TYPE"] = "PEM"
		env[prefix+"TRUSTSTORE_CERTIFICATES"] = inProperties(f.authority.pem)
	}
	env["KAFKA_LISTENER_NAME_MUTUAL_SSL_CLIENT_AUTH"] = "required"
	return env
}

// inProperties is a text of several lines as a file of Java's properties has it.
func inProperties(text string) string { return strings.ReplaceAll(text, "\n", `\n`) }

// certify gives the broker another certificate while it runs. It may be called when the test has ended.
func (f *fortress) certify(t testing.TB, by *authority) {
	t.Helper()
	own := by.sign(t, "broker")
	var changes []kadm.AlterConfig
	for _, listener := range []string{"locked", "mutual"} {
		prefix := "listener.name." + listener + ".ssl.keystore."
		for name, value := range map[string]string{"type": "PEM", "certificate.chain": own.cert, "key": own.key} {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: prefix + name, Value: &value})
		}
	}
	got, err := f.admin.AlterBrokerConfigs(run.ctx, changes, 1)
	if err == nil && len(got) == 1 {
		err = got[0].Err
	}
	if err != nil {
		t.Fatalf("giving the broker another certificate: %v", err)
	}
}

// users of the fortress. Certificates and tokens bear the same names.
var users = []string{"worker", "reader", "replayer", "stranger"}

func passwordOf(user string) string { return user + "-secret" }

func (f *fortress) addUsers(t testing.TB) {
	t.Helper()
	for _, u := range users {
		f.setPassword(t, u, passwordOf(u))
	}
}

// setPassword changes a user's password for both kinds of SCRAM. It may be called when the test has ended.
func (f *fortress) setPassword(t testing.TB, user, password string) {
	t.Helper()
	const iterations = 4096
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} { // a request may name a user once
		got, err := f.admin.AlterUserSCRAMs(run.ctx, nil, []kadm.UpsertSCRAM{{User: user, Mechanism: m, Iterations: iterations, Password: password}})
		if err == nil {
			err = got.Error()
		}
		if err != nil {
			t.Fatalf("changing the password of %s: %v", user, err)
		}
	}
}

// file writes a file of the test's own and gives its path.
func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	rewrite(t, path, text)
	return path
}

func rewrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("writing %s: %v", path, err)
	}
}

// token is one for the user, not signed by anybody, as the broker takes it.
func token(user string, lasts time.Duration) string {
	part := base64.RawURLEncoding.EncodeToString
	now := time.Now()
	claims := fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, user, now.Unix(), now.Add(lasts).Unix())
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(claims)) + "."
}

// way is how somebody comes in: one listener with one kind of login.
type way struct{ listener, mechanism string }

// ways are all that there are.
var ways = []way{
	{"locked", "plain"},
	{"locked", "scram-sha-256"},
	{"locked", "scram-sha-512"},
	{"locked", "oauthbearer"},
	{"login", "plain"},
	{"login", "scram-sha-256"},
	{"login", "scram-sha-512"},
	{"login", "oauthbearer"},
	{"mutual", "none"},
}

// in are the settings with which a user comes in, with files of the test's own.
func (f *fortress) in(t testing.TB, w way, user string) settings {
	t.Helper()
	s := settings{"sasl-mechanism": w.mechanism}
	switch w.listener {
	case "locked":
		s["brokers"] = f.locked
	case "login":
		s["brokers"] = f.login
	case "mutual":
		s["brokers"] = f.mutual
		c := f.authority.sign(t, user)
		s["tls-cert-file"], s["tls-key-file"] = file(t, "client.pem", c.cert), file(t, "client.key", c.key)
	}
	if w.listener != "login" {
		s["tls"], s["tls-ca-file"] = "true", file(t, "ca.pem", f.authority.pem)
	}
	switch w.mechanism {
	case "none":
	case "oauthbearer":
		s["sasl-token-file"] = file(t, "token", token(user, time.Hour))
	default:
		s["sasl-username"], s["sasl-password-file"] = user, file(t, "password", passwordOf(user)+"\n")
	}
	return s
}
