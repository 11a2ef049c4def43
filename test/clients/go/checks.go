package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

var checks = []check{
	{"publish and subscribe", publishSubscribe},
	{"many in order", manyInOrder},
	{"wildcards", wildcards},
	{"queue", queue},
	{"request", request},
	{"request many", requestMany},
	{"no responders", noResponders},
	{"headers", headers},
	{"drain", drain},
	{"unsubscribe after a maximum", autoUnsubscribe},
	{"no echo", noEcho},
	{"rtt and flush", rttFlush},
	{"payload over the maximum", maxPayload},
	{"authorization", authorization},
	{"permissions", permissions},
	{"reconnect after a restart", reconnect},
	{"lame duck", lameDuck},
}

func (r *run) connectTo(s *server, options ...nats.Option) *nats.Conn {
	nc, err := nats.Connect(s.url(), append([]nats.Option{nats.NoReconnect()}, options...)...)
	r.must(err, "connect")
	r.later(nc.Close)
	return nc
}

func (r *run) connect(options ...nats.Option) *nats.Conn { return r.connectTo(r.server, options...) }

func (r *run) start(port int, config string) *server {
	s, err := startServer(r.binary, port, config)
	r.must(err, "start")
	r.later(s.kill)
	return s
}

func (r *run) subscribe(nc *nats.Conn, subject string) *nats.Subscription {
	sub, err := nc.SubscribeSync(subject)
	r.must(err, "subscribe")
	r.must(nc.Flush(), "flush")
	return sub
}

func (r *run) next(sub *nats.Subscription) *nats.Msg {
	m, err := sub.NextMsg(limit)
	r.must(err, "next message of "+sub.Subject)
	return m
}

func (r *run) await(c <-chan struct{}, what string) {
	select {
	case <-c:
	case <-time.After(limit):
		r.fail("deadline: %s", what)
	}
}

func publishSubscribe(r *run) {
	a, b := r.connect(), r.connect()
	sub := r.subscribe(a, "foo")
	r.must(b.Publish("foo", []byte("hello")), "publish")
	r.must(b.PublishRequest("foo", "back", []byte{0, 13, 10, 255}), "publish")
	m := r.next(sub)
	r.equal(string(m.Data)+m.Reply, "hello", "first")
	m = r.next(sub)
	r.equal(m.Data, []byte{0, 13, 10, 255}, "second")
	r.equal(m.Reply, "back", "reply")
}

func manyInOrder(r *run) {
	a, b := r.connect(), r.connect()
	sub := r.subscribe(a, "order")
	r.must(sub.SetPendingLimits(-1, -1), "limits")
	const count = 50000
	go func() {
		for i := range count {
			_ = b.Publish("order", fmt.Append(nil, i))
		}
		_ = b.Flush()
	}()
	for i := range count {
		r.equal(string(r.next(sub).Data), i, "message")
	}
}

func wildcards(r *run) {
	nc := r.connect()
	subs := map[string]*nats.Subscription{}
	for _, pattern := range []string{"w.*", "w.>", "*.x", "w.x"} {
		subs[pattern] = r.subscribe(nc, pattern)
	}
	for _, subject := range []string{"w.x", "w.y", "w.y.z", "v.x", "w"} {
		r.must(nc.Publish(subject, nil), "publish")
	}
	r.must(nc.Flush(), "flush")
	for pattern, want := range map[string]string{"w.*": "w.x w.y", "w.>": "w.x w.y w.y.z", "*.x": "w.x v.x", "w.x": "w.x"} {
		var got []string
		for n, _, _ := subs[pattern].Pending(); n > 0; n-- {
			got = append(got, r.next(subs[pattern]).Subject)
		}
		r.equal(strings.Join(got, " "), want, pattern)
	}
}

func queue(r *run) {
	p := r.connect()
	var subs []*nats.Subscription
	for range 3 {
		nc := r.connect()
		sub, err := nc.QueueSubscribeSync("q", "g")
		r.must(err, "subscribe")
		r.must(nc.Flush(), "flush")
		subs = append(subs, sub)
		r.later(func() { _ = sub.Unsubscribe() })
	}
	for i := range 600 {
		r.must(p.Publish("q", fmt.Append(nil, i)), "publish")
	}
	r.must(p.Flush(), "flush")
	seen := map[string]bool{}
	for i, sub := range subs {
		_, err := sub.NextMsg(limit)
		r.must(err, "a message for each member")
		count := 1
		for {
			m, err := sub.NextMsg(50 * time.Millisecond)
			if err != nil {
				break
			}
			seen[string(m.Data)] = true
			count++
		}
		if count < 120 { // 200 each, 5.7 sigma is 134
			r.fail("member %d got only %d", i, count)
		}
	}
	r.equal(len(seen), 600-3, "different messages beside the first of each")
}

func request(r *run) {
	service, nc := r.connect(), r.connect()
	_, err := service.Subscribe("double", func(m *nats.Msg) { _ = m.Respond(append(m.Data, m.Data...)) })
	r.must(err, "subscribe")
	r.must(service.Flush(), "flush")
	var group sync.WaitGroup
	var wrong atomic.Int32
	for i := range 200 {
		group.Add(1)
		go func() {
			defer group.Done()
			m, err := nc.Request("double", fmt.Append(nil, i), limit)
			if err != nil || string(m.Data) != fmt.Sprintf("%d%d", i, i) {
				wrong.Add(1)
			}
		}()
	}
	group.Wait()
	r.equal(wrong.Load(), 0, "wrong answers")
	old := r.connect(nats.UseOldRequestStyle())
	m, err := old.Request("double", []byte("4"), limit)
	r.must(err, "old request")
	r.equal(string(m.Data), "44", "old request")
}

func requestMany(r *run) {
	for range 3 {
		service := r.connect()
		_, err := service.Subscribe("many", func(m *nats.Msg) { _ = m.Respond([]byte("here")) })
		r.must(err, "subscribe")
		r.must(service.Flush(), "flush")
	}
	nc := r.connect()
	inbox := nc.NewRespInbox()
	sub := r.subscribe(nc, inbox)
	r.must(nc.PublishRequest("many", inbox, nil), "publish")
	for range 3 {
		r.equal(string(r.next(sub).Data), "here", "answer")
	}
}

func noResponders(r *run) {
	nc := r.connect()
	started := time.Now()
	if _, err := nc.Request("nobody.there", nil, limit); !errors.Is(err, nats.ErrNoResponders) {
		r.fail("got %v", err)
	}
	if time.Since(started) > limit/2 {
		r.fail("it came late")
	}
	sub := r.subscribe(nc, "reply.here")
	r.must(nc.PublishRequest("nobody.there", "reply.here", nil), "publish")
	if _, err := sub.NextMsg(limit); !errors.Is(err, nats.ErrNoResponders) {
		r.fail("got %v", err)
	}
}

func headers(r *run) {
	nc := r.connect()
	sub := r.subscribe(nc, "headers")
	m := nats.NewMsg("headers")
	m.Header.Add("Many", "1")
	m.Header.Add("Many", "2")
	m.Header.Set("Key", "value")
	m.Data = []byte("body")
	r.must(nc.PublishMsg(m), "publish")
	got := r.next(sub)
	r.equal(got.Header, m.Header, "headers")
	r.equal(string(got.Data), "body", "data")
	r.must(nc.Publish("headers", nil), "publish")
	r.equal(len(r.next(sub).Header), 0, "no headers")
}

func drain(r *run) {
	closed := make(chan struct{})
	a, b := r.connect(nats.ClosedHandler(func(*nats.Conn) { close(closed) })), r.connect()
	var got atomic.Int32
	_, err := a.Subscribe("drain", func(*nats.Msg) { got.Add(1) })
	r.must(err, "subscribe")
	r.must(a.Flush(), "flush")
	for range 500 {
		r.must(b.Publish("drain", nil), "publish")
	}
	r.must(b.Flush(), "flush")
	r.must(a.Drain(), "drain")
	r.await(closed, "the drain")
	r.equal(got.Load(), 500, "messages")
}

func autoUnsubscribe(r *run) {
	a, b := r.connect(), r.connect()
	sub := r.subscribe(a, "max")
	r.must(sub.AutoUnsubscribe(3), "unsubscribe")
	r.must(a.Flush(), "flush")
	for i := range 10 {
		r.must(b.Publish("max", fmt.Append(nil, i)), "publish")
	}
	r.must(b.Flush(), "flush")
	r.must(a.Flush(), "flush")
	for i := range 3 {
		r.equal(string(r.next(sub).Data), i, "message")
	}
	r.equal(a.Stats().InMsgs, 3, "messages that came")
}

func noEcho(r *run) {
	a, b := r.connect(nats.NoEcho()), r.connect()
	sub := r.subscribe(a, "echo")
	r.must(a.Publish("echo", []byte("mine")), "publish")
	r.must(a.Flush(), "flush")
	r.must(b.Publish("echo", []byte("theirs")), "publish")
	r.equal(string(r.next(sub).Data), "theirs", "message")
}

func rttFlush(r *run) {
	nc := r.connect(nats.Name("rtt"))
	rtt, err := nc.RTT()
	r.must(err, "rtt")
	if rtt <= 0 || rtt > limit {
		r.fail("rtt %v", rtt)
	}
	r.equal(nc.MaxPayload(), 1048576, "max payload")
	r.equal(nc.HeadersSupported(), true, "headers")
	r.equal(len(nc.ConnectedServerId()), 56, "server id")
	if _, err := nc.GetClientID(); err != nil {
		r.fail("client id: %v", err)
	}
}

func maxPayload(r *run) {
	s := r.start(-1, "max_payload: 1000\n")
	nc := r.connectTo(s)
	if err := nc.Publish("x", make([]byte, 1001)); !errors.Is(err, nats.ErrMaxPayload) {
		r.fail("got %v", err)
	}
	r.must(nc.Publish("x", make([]byte, 1000)), "publish")
	r.must(nc.Flush(), "flush")
}

func authorization(r *run) {
	s := r.start(-1, "authorization { user: u, password: p }\n")
	r.must(r.connectTo(s, nats.UserInfo("u", "p")).Flush(), "flush")
	token := r.start(-1, "authorization { token: secret }\n")
	r.must(r.connectTo(token, nats.Token("secret")).Flush(), "flush")
	for _, try := range []struct {
		s *server
		o nats.Option
	}{{s, nats.UserInfo("u", "x")}, {s, nats.Name("none")}, {token, nats.Token("x")}, {token, nats.Name("none")}} {
		if _, err := nats.Connect(try.s.url(), try.o, nats.NoReconnect()); !errors.Is(err, nats.ErrAuthorization) {
			r.fail("got %v", err)
		}
	}
}

func permissions(r *run) {
	s := r.start(-1, "authorization { users: [{user: u, password: p, permissions: {publish: [ok], subscribe: [ok]}}] }\n")
	texts := make(chan string, 10)
	nc := r.connectTo(s, nats.UserInfo("u", "p"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { texts <- err.Error() }))
	r.must(nc.Publish("denied", nil), "publish")
	_, err := nc.SubscribeSync("denied.too")
	r.must(err, "subscribe")
	for _, want := range []string{`Permissions Violation for Publish to "denied"`, `Permissions Violation for Subscription to "denied.too"`} {
		select {
		case got := <-texts:
			if !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
				r.fail("got %q, want %q", got, want)
			}
		case <-time.After(limit):
			r.fail("deadline: %s", want)
		}
	}
	sub := r.subscribe(nc, "ok")
	r.must(nc.Publish("ok", []byte("fine")), "publish")
	r.equal(string(r.next(sub).Data), "fine", "message")
}

func reconnect(r *run) {
	first := r.start(-1, "")
	gone, back := make(chan struct{}), make(chan struct{})
	var once sync.Once // closing at the end is a disconnect too
	nc, err := nats.Connect(first.url(), nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { once.Do(func() { close(gone) }) }),
		nats.ReconnectHandler(func(*nats.Conn) { close(back) }))
	r.must(err, "connect")
	r.later(nc.Close)
	sub := r.subscribe(nc, "again")
	r.must(first.stop(), "stop")
	r.await(gone, "the disconnect")
	second := r.start(first.port, "")
	r.await(back, "the reconnect")
	r.must(nc.Publish("again", []byte("after")), "publish")
	r.equal(string(r.next(sub).Data), "after", "message")
	nc.Close()
	r.must(second.stop(), "stop")
}

func lameDuck(r *run) {
	s := r.start(-1, "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"300ms\"\n")
	told, closed := make(chan struct{}), make(chan struct{})
	nc := r.connectTo(s, nats.LameDuckModeHandler(func(*nats.Conn) { close(told) }),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	r.must(nc.Flush(), "flush")
	r.must(s.signal(syscall.SIGUSR2), "signal")
	r.await(told, "the notice")
	r.await(closed, "the server to close the connection")
	r.must(s.wait(), "the server's end")
}
