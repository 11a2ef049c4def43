// Decodes pages and messages of a server with the Go server's own types, and says where something is lost.
//
// Each line of the input is {"type": "Varz", "from": "/varz", "json": ...}. A field that the type does not have, another
// type of value, or a value that is gone when the result is written again is a line of output. Exit code 1 if there is any.
// With the argument "fields" it prints what fields those types have: test/wire/golden/system_fields.txt.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

type response struct {
	Server *server.ServerInfo `json:"server"`
	Data   json.RawMessage    `json:"data,omitempty"`
	Error  *server.ApiError   `json:"error,omitempty"`
}

// Answered to $SYS.REQ.CLAIMS.LIST; the server makes it of a map.
type claimsList struct {
	Server *server.ServerInfo `json:"server"`
	Data   []string           `json:"data"`
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
	"ServiceLatency":  func() any { return new(server.ServiceLatency) },
	"ServerStatsMsg":  func() any { return new(server.ServerStatsMsg) },
	"ConnectEvent":    func() any { return new(server.ConnectEventMsg) },
	"DisconnectEvent": func() any { return new(server.DisconnectEventMsg) },
	"AccountNumConns": func() any { return new(server.AccountNumConns) },
	"OCSPPeerReject":  func() any { return new(server.OCSPPeerRejectEventMsg) },
	"OCSPPeerInvalid": func() any { return new(server.OCSPPeerChainlinkInvalidEventMsg) },
	"ClaimUpdate":     func() any { return new(server.ServerAPIClaimUpdateResponse) },
	"ClaimsList":      func() any { return new(claimsList) },
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

// printFields lists a Go type as JSON sees it, a line for each name, further in for what is inside: "<name> <kind>", with "!"
// behind what is there even if empty. "[]" is an item of a list and "{}" a value of a map. A type within itself is "any" there.
func printFields(depth int, name string, t reflect.Type, always string, within map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := "any"
	marshals := reflect.TypeOf((*json.Marshaler)(nil)).Elem()
	switch k := t.Kind(); {
	case t == reflect.TypeOf(time.Time{}):
		kind = "time"
	case t.Implements(marshals) || reflect.PointerTo(t).Implements(marshals) || within[t]:
	case k == reflect.String || k == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		kind = "string"
	case k == reflect.Bool:
		kind = "bool"
	case k == reflect.Float32 || k == reflect.Float64:
		kind = "number"
	case k >= reflect.Int && k <= reflect.Uint64:
		kind = "int"
	case k == reflect.Map:
		kind = "map"
	case k == reflect.Slice || k == reflect.Array:
		kind = "list"
	case k == reflect.Struct:
		kind = "object"
	}
	fmt.Println(strings.Repeat(" ", depth) + name + " " + kind + always)
	within[t] = true
	defer delete(within, t)
	switch kind {
	case "map":
		printFields(depth+1, "{}", t.Elem(), "", within)
	case "list":
		printFields(depth+1, "[]", t.Elem(), "", within)
	case "object":
		fields := map[string]reflect.StructField{}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "-" || (f.Anonymous && name == "") {
				continue
			}
			if name == "" {
				name = f.Name
			}
			// Of two of a name the outer one counts.
			if before, there := fields[name]; !there || len(f.Index) < len(before.Index) {
				fields[name] = f
			}
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			f, always := fields[name], " !"
			// What is behind an embedded pointer may be missing as a whole.
			if strings.Contains(f.Tag.Get("json"), ",omit") || len(f.Index) > 1 && t.Field(f.Index[0]).Type.Kind() == reflect.Pointer {
				always = ""
			}
			printFields(depth+1, name, f.Type, always, within)
		}
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fields" {
		for _, name := range slices.Sorted(maps.Keys(types)) {
			printFields(0, name, reflect.TypeOf(types[name]()), "", map[reflect.Type]bool{})
		}
		return
	}
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
