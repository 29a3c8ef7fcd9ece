package sandbox_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"drawbridge/internal/sandbox"
)

const (
	classicGreeting = "< * OK The Microsoft Exchange IMAP4 service is ready. [<b64>]\n"
	proxyGreeting   = "< * OK Microsoft Exchange IMAP4 service ready. 00000000-0000-4000-8000-000000000000 " +
		"(tcpproxy/15.21.0406.000 BACKENDAUTHENTICATE) [<b64>]\n"
	classicPost = "< * CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES " +
		"CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+\n"
	proxyPost = "< * CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT ENABLE IMAP4rev2 " +
		"CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE BACKENDAUTHENTICATE-IR CHILDREN IDLE NAMESPACE LITERAL+\n"
	signOff = "< * BYE Microsoft Exchange Server IMAP4 server signing off.\n"
	login   = `> 1 LOGIN scans@contoso.example "pass \"word\" \\1"` + "\n< 1 OK LOGIN completed.\n"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func plain(user, password string) string { return b64("\x00" + user + "\x00" + password) }

func xoauth2(user, token string) string {
	return b64("user=" + user + "\x01auth=Bearer " + token + "\x01\x01")
}

func TestIMAP_Dialogs(t *testing.T) {
	for _, c := range []struct {
		name        string
		personality sandbox.Personality
		script      string
	}{
		{"classic before login", sandbox.Classic, classicGreeting +
			"> a capability\n< * CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+\n" +
			"< a OK CAPABILITY completed.\n" +
			"> b NOOP\n< b OK NOOP completed.\n" +
			"> c ID (\"name\" \"x\")\n< * ID (\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")\n< c OK ID completed.\n" +
			"> d SELECT INBOX\n< d BAD Command received in Invalid state.\n> e NONSENSE\n< e BAD Command Error. 12\n" +
			"> f STARTTLS\n< f BAD Command received in Invalid state.\n> g\n< g BAD Command Error. 12\n>  \n< * BAD Command Error. 12\n" +
			"> h LOGOUT\n" + signOff + "< h OK LOGOUT completed.\n$"},
		{"classic, wrong password and then the right one", sandbox.Classic, classicGreeting +
			"> a LOGIN scans@contoso.example wrong\n< a NO LOGIN failed.\n> b LOGIN nobody@contoso.example wrong\n< b NO LOGIN failed.\n" +
			"> c LOGIN one\n< c BAD Command Argument Error. 11\n" + login},
		{"classic, literals", sandbox.Classic, classicGreeting +
			"> a LOGIN {21}\n< + Ready for additional command text.\n> scans@contoso.example {14}\n< + Ready for additional command text.\n" +
			"> pass \"word\" \\1\n< a OK LOGIN completed."},
		{"classic, literals at once", sandbox.Classic, classicGreeting +
			"> a LOGIN {21+}\n> scans@contoso.example {14+}\n> pass \"word\" \\1\n< a OK LOGIN completed."},
		{"classic, PLAIN", sandbox.Classic, classicGreeting +
			"> a AUTHENTICATE PLAIN " + plain(address, "wrong") + "\n< a NO AUTHENTICATE failed.\n> b AUTHENTICATE PLAIN ?\n" +
			"< b BAD Command Argument Error. 11\n" +
			"> c AUTHENTICATE PLAIN\n< +\n> *\n< c NO AUTHENTICATE failed.\n> d AUTHENTICATE LOGIN eA==\n< d BAD Command Argument Error. 11\n" +
			"> e AUTHENTICATE plain\n< +\n> " + plain(address, password) + "\n< e OK AUTHENTICATE completed."},
		{"classic, PLAIN with initial response", sandbox.Classic, classicGreeting +
			"> a AUTHENTICATE PLAIN " + plain(address, password) + "\n< a OK AUTHENTICATE completed."},
		{"classic, XOAUTH2", sandbox.Classic, classicGreeting +
			"> a AUTHENTICATE XOAUTH2 " + xoauth2(address, "stale") + "\n< a NO AUTHENTICATE failed.\n> b AUTHENTICATE XOAUTH2 " + b64("user=x") +
			"\n< b BAD Command Argument Error. 11\n" +
			"> c AUTHENTICATE XOAUTH2 " + xoauth2(address, strings.Repeat("T", 16<<10)) + "\n< c OK AUTHENTICATE completed.\n> d CAPABILITY\n" +
			classicPost + "< d OK CAPABILITY completed."},
		{"tcpproxy, XOAUTH2", sandbox.TCPProxy, proxyGreeting +
			"> a CAPABILITY\n< * CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE " +
			"LITERAL+\n< a OK CAPABILITY completed.\n" +
			"> b AUTHENTICATE XOAUTH2\n< + \n> " + xoauth2(address, token) + "\n< b OK AUTHENTICATE completed.\n> c CAPABILITY\n" + proxyPost +
			"< c OK CAPABILITY completed."},
		{"tcpproxy refuses passwords", sandbox.TCPProxy, proxyGreeting +
			"> a LOGIN scans@contoso.example x\n< a NO Basic authentication is disabled.\n" + signOff + "$"},
		{"not connected", sandbox.TCPProxy, proxyGreeting +
			"> a AUTHENTICATE XOAUTH2 " + xoauth2(address, "no-access") + "\n< a OK AUTHENTICATE completed.\n> b CAPABILITY\n" + proxyPost +
			"< b OK CAPABILITY completed.\n" +
			"> c NOOP\n< c OK NOOP completed.\n> d STATUS INBOX (MESSAGES)\n< d BAD User is authenticated but not connected.\n> e SELECT INBOX\n" +
			"< e BAD User is authenticated but not connected.\n< * BYE Connection closed. 14\n$"},
		{"ten errors before login", sandbox.Classic, classicGreeting + strings.Repeat("> a X\n< a BAD Command Error. 12\n", 10) +
			"< * BYE Connection closed. 14\n$"},
		{"ten errors after login", sandbox.Classic, classicGreeting + login + strings.Repeat("> a X\n< a BAD Command Error. 12\n", 10) +
			"< * BYE Connection closed. 14\n$"},
		{"after login", sandbox.Classic, classicGreeting + login +
			"> a ID NIL\n< * ID (\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")\n< a OK ID completed.\n" +
			"> b NAMESPACE\n< * NAMESPACE ((\"\" \"/\")) NIL NIL\n< b OK NAMESPACE completed.\n" +
			"> c LIST \"\" *\n< * LIST (\\HasNoChildren \\Trash) \"/\" \"Deleted Items\"\n< * LIST (\\HasNoChildren \\Drafts) \"/\" Drafts\n" +
			"< * LIST (\\Marked \\HasNoChildren) \"/\" Inbox\n" +
			"< * LIST (\\HasNoChildren \\Junk) \"/\" \"Junk Email\"\n< * LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"\n" +
			"< c OK LIST completed.\n" +
			"> d STATUS INBOX (MESSAGES)\n< * STATUS INBOX (MESSAGES 1)\n< d OK STATUS completed.\n" +
			"> e FETCH 1 FLAGS\n< e BAD Command received in Invalid state.\n" +
			"> f SELECT INBOX\n< * 1 EXISTS\n< * 0 RECENT\n< * OK [UNSEEN 1] First unseen message\n< * OK [UIDVALIDITY 1] UIDs valid\n" +
			"< * OK [UIDNEXT 2] Predicted next UID\n" +
			"< * FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)\n" +
			"< * OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] Permanent flags\n" +
			"< f OK [READ-WRITE] SELECT completed.\n" +
			"> g UID FETCH 1 (RFC822.SIZE)\n< * 1 FETCH (UID 1 RFC822.SIZE 62)\n< g OK FETCH completed.\n" +
			"> h SEARCH KEYWORD x\n< h BAD Command Argument Error. 11\n> i UID SEARCH CHARSET UTF-8 ALL\n< i BAD Command Argument Error. 11\n" +
			"> j FETCH 1 (X-GM-LABELS)\n< j BAD Command Argument Error. 11\n" +
			"> k SEARCH ALL\n< * SEARCH 1\n< k OK SEARCH completed.\n> l LOGIN a b\n< l BAD Command received in Invalid state.\n> (\n" +
			"< * BAD Command Error. 10\n" +
			"> m FETCH 1 BODY.PEEK[TEXT]\n< * 1 FETCH (UID 1 BODY[TEXT] {20}\n< Hello\n< .\n< ..\n< Last\n< )\n< m OK FETCH completed.\n" +
			"> n NONE {5}\n< n BAD Command Error. 12\n> o NONE {3+}\n> abc\n< o BAD Command Error. 12\n" +
			"> p NOOP\n< p OK NOOP completed.\n> q LOGOUT\n" + signOff + "< q OK LOGOUT completed.\n$"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExchange(t)
			dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Personality: c.personality})).play(c.script)
		})
	}
}

func TestIMAP_STARTTLS(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{STARTTLS: true})
	p := dialPlain(t, l)
	p.play(classicGreeting +
		"> a CAPABILITY\n< * CAPABILITY IMAP4 IMAP4rev1 LOGINDISABLED STARTTLS UIDPLUS MOVE ID CHILDREN IDLE NAMESPACE LITERAL+\n" +
		"< a OK CAPABILITY completed.\n" +
		"> b LOGIN x y\n< b BAD Command received in Invalid state.\n> c AUTHENTICATE PLAIN\n< c BAD Command received in Invalid state.\n" +
		"> d STARTTLS\n< d OK Begin TLS negotiation now.")
	p.upgrade(e)
	p.play(login + "> 2 NOOP\n< 2 OK NOOP completed.")
}

func TestIMAP_STARTTLSInjectionIsLogged(t *testing.T) {
	e := newExchange(t)
	p := dialPlain(t, listen(t, e, sandbox.ListenOptions{STARTTLS: true}))
	p.hear()
	p.say("a STARTTLS\r\nb LOGIN injected x\r\n")
	p.expect("a OK Begin TLS negotiation now.")
	p.expectEnd()
	if failed := e.Log().Events(sandbox.HandshakeFailed); len(failed) != 1 || !strings.Contains(failed[0].Text, "b LOGIN injected x") {
		t.Errorf("got %+v, want the injection on record", failed)
	}
	if n := len(e.Log().Logins()); n != 0 {
		t.Errorf("got %d logins, want none", n)
	}
}

func TestIMAP_LogHoldsCredentials(t *testing.T) {
	e := newExchange(t)
	p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{}))
	p.play(classicGreeting + "> a LOGIN who wrong-canary\n< a NO LOGIN failed.\n> b AUTHENTICATE XOAUTH2 " + xoauth2(address, token) +
		"\n< b OK AUTHENTICATE completed.")
	want := []sandbox.Login{{User: "who", Mechanism: "LOGIN", Password: "wrong-canary"}, {User: address, Mechanism: "XOAUTH2", Token: token}}
	got := e.Log().Logins()
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !e.Log().Contains("wrong-canary") || !e.Log().Contains(token) || e.Log().Contains("another-canary") {
		t.Error("Contains does not find what came, or finds what did not")
	}
	answers := e.Log().Events(sandbox.LoginAnswered)
	if len(answers) != 2 || answers[0].Login.OK || answers[0].Text != "a NO LOGIN failed." || !answers[1].Login.OK {
		t.Errorf("got answers %+v", answers)
	}
}

func TestIMAP_Pipelining(t *testing.T) {
	e := newExchange(t)
	p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{}))
	p.say("1 LOGIN scans@contoso.example {14+}\r\n" + password + "\r\n2 ID NIL\r\n3 STATUS INBOX (MESSAGES)\r\n4 APPEND Drafts {20+}\r\n" +
		"Subject: x\r\n\r\n5 NOOP\r\n\r\n6 BOGUS\r\n7 NOOP\r\n")
	p.play(classicGreeting + "< 1 OK LOGIN completed.\n< * ID (\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")\n" +
		"< 2 OK ID completed.\n" +
		"< * STATUS INBOX (MESSAGES 1)\n< 3 OK STATUS completed.\n< 4 OK [APPENDUID 3 1] APPEND completed.\n< * BAD Command Error. 10\n" +
		"< 6 BAD Command Error. 12\n< 7 OK NOOP completed.")
}

func TestIMAP_RefusedLiteralIsNotWaitedFor(t *testing.T) {
	e := newExchange(t)
	p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{}))
	p.play(classicGreeting + login + "> a APPEND Inbox {2000000000}\n" +
		"< a NO [TOOBIG] Literals are limited to 1073741824 bytes for this command\n" +
		"> b ID NIL\n< * ID (\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")\n< b OK ID completed.\n" +
		"> c NOOP " + strings.Repeat("x", 11<<10) + "\n< c BAD Command Argument Error. 11\n> d NOOP\n< d OK NOOP completed.")
}

func TestIMAP_SeventeenthSessionIsNotConnected(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{MaxSessions: 2})
	for range 2 {
		dialTLS(t, e, l).play(classicGreeting + login + "> 2 NOOP\n< 2 OK NOOP completed.")
	}
	dialTLS(t, e, l).play(classicGreeting + login + "> 2 SELECT INBOX\n< 2 BAD User is authenticated but not connected.")
	if n := e.Mailbox(address).Sessions(sandbox.IMAP); n != 2 {
		t.Errorf("got %d sessions, want 2", n)
	}
}

func TestIMAP_TokenEndsInTheMiddleOfIDLE(t *testing.T) {
	e := newExchange(t, sandbox.Account{Address: address, Tokens: []sandbox.Token{{Value: token, Life: 2 * time.Second}}})
	dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Personality: sandbox.TCPProxy})).play(proxyGreeting +
		"> a AUTHENTICATE XOAUTH2 " + xoauth2(address, token) + "\n< a OK AUTHENTICATE completed.\n> b IDLE\n" +
		"< + IDLE accepted, awaiting DONE command.\n< * BYE Session invalidated - AccessTokenExpired\n$")
}

func TestIMAP_IdleLimits(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{Idle: time.Second})
	dialTLS(t, e, l).play(classicGreeting + login + "< * BYE Connection is closed. 13\n$")
	early := listen(t, e, sandbox.ListenOptions{LoginIdle: 50 * time.Millisecond})
	dialTLS(t, e, early).play(classicGreeting + "$")
}

func TestIMAP_IDLETellsOfNewMail(t *testing.T) {
	e := newExchange(t)
	p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{}))
	p.play(classicGreeting + login)
	p.say("2 SELECT INBOX\r\n")
	for p.hear() != "2 OK [READ-WRITE] SELECT completed." {
	}
	p.play("> 3 IDLE\n< + IDLE accepted, awaiting DONE command.")
	if err := e.Mailbox(address).Deliver([]byte("Subject: new\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	p.play("< * 2 EXISTS\n> DONE\n< 3 OK IDLE completed.\n> 4 IDLE\n< + IDLE accepted, awaiting DONE command.\n> nonsense\n" +
		"< 4 BAD Command Argument Error. 11\n> 5 NOOP\n< 5 OK NOOP completed.")
	other := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3}))
	p.play("> 6 IDLE\n< + IDLE accepted, awaiting DONE command.")
	other.play(popGreeting + popLogin + "> DELE 1\n< +OK\n> QUIT\n" + popSignOff)
	p.play("< * 1 FETCH (UID 1 FLAGS (\\deleted))\n< * 1 EXPUNGE\n> DONE\n< 6 OK IDLE completed.")
}

func TestIMAP_Library(t *testing.T) {
	for _, split := range []bool{false, true} {
		t.Run(fmt.Sprintf("split %v", split), func(t *testing.T) {
			e := newExchange(t)
			l := listen(t, e, sandbox.ListenOptions{})
			setFaults(t, l, sandbox.Faults{SplitReplies: split})
			client, err := imapclient.DialTLS(l.Address(), &imapclient.Options{TLSConfig: clientConfig(e)})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if err := client.Login(address, password).Wait(); err != nil {
				t.Fatal(err)
			}
			id, err := client.ID(&imap.IDData{Name: "x"}).Wait()
			if err != nil || id.Name != "Microsoft.Exchange.Imap4.Imap4Server" {
				t.Errorf("got ID %v, %v", id, err)
			}
			if _, err := client.Select("INBOX", nil).Wait(); err != nil {
				t.Fatal(err)
			}
			section := &imap.FetchItemBodySection{}
			options := &imap.FetchOptions{Envelope: true, BodySection: []*imap.FetchItemBodySection{section}}
			got, err := client.Fetch(imap.SeqSetNum(1), options).Collect()
			if err != nil || len(got) != 1 || string(got[0].FindBodySection(section)) != message {
				t.Errorf("got %v, %v, want the message", got, err)
			}
			if err := client.Logout().Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// bigMessage makes a message of the size of a scan, from numbered blocks, so that shifts show.
func bigMessage(size int) []byte {
	block := bytes.Repeat([]byte("* 1 FETCH {5}\r\n* OK x\r\n+ Ready\r\n\x00\xff"), 1000)
	b := bytes.NewBufferString("Subject: big\r\n\r\n")
	b.Grow(size + len(block) + 16)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(b, "%08d", i)
		b.Write(block)
	}
	return b.Bytes()[:size]
}

func TestIMAP_LargeMessageUpAndDown(t *testing.T) {
	big := bigMessage(64 << 20)
	e := newExchange(t)
	p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{}))
	p.conn.SetDeadline(time.Now().Add(2 * time.Minute))
	p.play(classicGreeting + login + fmt.Sprintf("> 2 APPEND Inbox {%d}\n< + Ready for additional command text.", len(big)))
	p.say(string(big) + "\r\n")
	p.expect("2 OK [APPENDUID 1 2] APPEND completed.")
	p.say("3 EXAMINE INBOX\r\n")
	for p.hear() != "3 OK [READ-ONLY] EXAMINE completed." {
	}
	p.say("4 FETCH 2 BODY.PEEK[]\r\n")
	p.expect(fmt.Sprintf("* 2 FETCH (UID 2 BODY[] {%d}", len(big)))
	got := make([]byte, len(big))
	if _, err := io.ReadFull(p.reader, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, big) {
		t.Error("the message came back changed")
	}
	p.play("< )\n< 4 OK FETCH completed.\n> 5 NOOP\n< 5 OK NOOP completed.")
}

func TestIMAP_FoldersAndExpunge(t *testing.T) {
	e := newExchange(t)
	p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{}))
	p.play(classicGreeting + login)
	p.say("2 SELECT INBOX\r\n")
	for p.hear() != "2 OK [READ-WRITE] SELECT completed." {
	}
	p.play("> 3 COPY 1 \"Deleted Items\"\n< 3 OK [COPYUID 2 1 1] COPY completed.\n> 4 UID STORE 1 +FLAGS.SILENT (\\Deleted)\n" +
		"< 4 OK STORE completed.\n" +
		"> 5 EXPUNGE\n< * 1 EXPUNGE\n< 5 OK EXPUNGE completed.\n> 6 STATUS \"Deleted Items\" (MESSAGES)\n" +
		"< * STATUS \"Deleted Items\" (MESSAGES 1)\n< 6 OK STATUS completed.\n" +
		"> 7 CREATE Mine\n< 7 OK CREATE completed.\n> 8 LIST \"\" Mi*\n< * LIST () \"/\" \"Mine\"\n< 8 OK LIST completed.\n> 9 SELECT Nowhere\n" +
		"< * OK [CLOSED] Previous mailbox is now closed\n< 9 NO [NONEXISTENT] No such mailbox")
}

func TestIMAP_TooLong(t *testing.T) {
	for name, line := range map[string]string{
		"a line before login":    strings.Repeat("x", 40<<10),
		"a literal before login": "a LOGIN {9000}\r\n",
		"a line after login":     "1 LOGIN " + address + " {14+}\r\n" + password + "\r\n" + strings.Repeat("x", 80<<10),
	} {
		t.Run(name, func(t *testing.T) {
			e := newExchange(t)
			p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{}))
			p.play(classicGreeting)
			io.WriteString(p.conn, line) // the end may come while it is said
			if err := e.Log().WaitCount(testContext(t), sandbox.Closed, 1); err != nil {
				t.Error(err)
			}
		})
	}
}
