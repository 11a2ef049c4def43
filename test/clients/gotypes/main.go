// Decodes pages and messages of a server with the Go server's own types, and says where something is lost.
//
// Each line of the input is {"type": "Varz", "from": "/varz", "json": ...}. A field that the type does not have, another
// type of value, or a value that is gone when the result is written again is a line of output. Exit code 1 if there is any.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"

	"github.com/nats-io/nats-server/v2/server"
)

type response struct {
	Server *server.ServerInfo `json:"server"`
	Data   json.RawMessage    `json:"data,omitempty"`
	Error  *server.ApiError   `json:"error,omitempty"`
}

var types = map[string]func() any{
	"Varz":            func() any { return new(server.Varz) },
	"Connz":           func() any { return new(server.Connz) },
	"Subsz":           func() any { return new(server.Subsz) },
	"Routez":          func() any { return new(server.Routez) },
	"Gatewayz":        func() any { return new(server.Gatewayz) },
	"Leafz":           func() any { return new(server.Leafz) },
	"Accountz":        func() any { return new(server.Accountz) },
	"AccountInfo":     func() any { return new(server.AccountInfo) },
	"AccountStatz":    func() any { return new(server.AccountStatz) },
	"JSInfo":          func() any { return new(server.JSInfo) },
	"HealthStatus":    func() any { return new(server.HealthStatus) },
	"IpqueueszStatus": func() any { return new(server.IpqueueszStatus) },
	"RaftzStatus":     func() any { return new(server.RaftzStatus) },
	"ExpvarzStatus":   func() any { return new(server.ExpvarzStatus) },
	"ProfilezStatus":  func() any { return new(server.ProfilezStatus) },
	"UserInfo":        func() any { return new(server.UserInfo) },
	"ServerID":        func() any { return new(server.ServerID) },
	"ServerInfo":      func() any { return new(server.ServerInfo) },
	"ServerStatsMsg":  func() any { return new(server.ServerStatsMsg) },
	"ConnectEvent":    func() any { return new(server.ConnectEventMsg) },
	"DisconnectEvent": func() any { return new(server.DisconnectEventMsg) },
	"AccountNumConns": func() any { return new(server.AccountNumConns) },
	"Response":        func() any { return new(response) },
}

type message struct {
	Type string          `json:"type"`
	From string          `json:"from"`
	JSON json.RawMessage `json:"json"`
}

func decode(m message) []string {
	make, known := types[m.Type]
	if !known {
		return []string{"no type " + m.Type}
	}
	into := make()
	d := json.NewDecoder(bytes.NewReader(m.JSON))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return []string{err.Error()}
	}
	again, err := json.Marshal(into)
	if err != nil {
		return []string{err.Error()}
	}
	var before, after any
	if err := json.Unmarshal(m.JSON, &before); err != nil {
		return []string{err.Error()}
	}
	if err := json.Unmarshal(again, &after); err != nil {
		return []string{err.Error()}
	}
	return lost("$", before, after)
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return reflect.ValueOf(v).IsZero()
}

// lost names what is in `before` and not in `after`. What is empty may be left out.
func lost(path string, before, after any) (out []string) {
	switch b := before.(type) {
	case map[string]any:
		a, _ := after.(map[string]any)
		for name, value := range b {
			if got, there := a[name]; there {
				out = append(out, lost(path+"."+name, value, got)...)
			} else if !empty(value) {
				out = append(out, fmt.Sprintf("%s.%s is lost", path, name))
			}
		}
	case []any:
		a, _ := after.([]any)
		if len(a) != len(b) {
			return append(out, fmt.Sprintf("%s: %d items, then %d", path, len(b), len(a)))
		}
		for i := range b {
			out = append(out, lost(fmt.Sprintf("%s[%d]", path, i), b[i], a[i])...)
		}
	default:
		if !reflect.DeepEqual(before, after) {
			out = append(out, fmt.Sprintf("%s: %v, then %v", path, before, after))
		}
	}
	sort.Strings(out)
	return out
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	bad, count := false, 0
	for in.Scan() {
		var m message
		if err := json.Unmarshal(in.Bytes(), &m); err != nil {
			fmt.Println("input:", err)
			os.Exit(2)
		}
		count++
		for _, text := range decode(m) {
			fmt.Printf("%s as %s: %s\n", m.From, m.Type, text)
			bad = true
		}
	}
	if bad {
		os.Exit(1)
	}
	fmt.Println("decoded", count)
}
