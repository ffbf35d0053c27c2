package estate

import (
	"slices"
	"strings"
	"testing"
)

// What answers at an address runs on the group that listens there, or on the
// machine that has the address; what may mean several is left alone.
func TestMeet(t *testing.T) {
	listener := func(host, port, held string) Entity {
		return Entity{ID: ID(Listener, host, "tcp/"+port), Kind: Listener, Name: "tcp/" + port,
			Attributes: map[string]string{"protocol": "tcp", "port": port, HeldBy: held}}
	}
	machine := func(name, addresses string) Entity {
		return Entity{ID: ID(Host, name), Kind: Host, Name: name, Attributes: map[string]string{Addresses: addresses}}
	}
	at := func(id, address string) Entity {
		kind, _, _ := strings.Cut(id, ":")
		return Entity{ID: id, Kind: Kind(kind), Attributes: map[string]string{Address: address}}
	}
	all := []Entity{
		machine("db-1", "10.0.0.5, fd00::5"), machine("db-2", "10.0.0.6, 172.17.0.1"), machine("db-3", "10.0.0.7, 172.17.0.1"),
		listener("db-1", "5432", "0.0.0.0 unit:db-1:postgresql"),
		listener("db-2", "5432", "10.0.0.6 unit:db-2:postgresql, 127.0.0.1 unit:db-2:postgresql"),
		listener("db-1", "9187", ":: unit:db-1:exporter"),
		listener("db-3", "8080", "127.0.0.2 group:db-3:one, 127.0.0.3 group:db-3:two and 4 more"),
		listener("db-1", "6379", "127.0.0.1 group:db-1:redis"), listener("db-2", "6379", "127.0.0.1 group:db-2:redis"),
		at("database:a", "10.0.0.5:5432"), at("database:b", "db-1:5432"), at("database:c", "10.0.0.6:5432"),
		at("process:x:db-1:9187", "DB-1:9187"), at("process:y", "127.0.0.3:8080"), at("process:z", "[fd00::5]:5432"),
		at("cache:loop", "127.0.0.1:6379"), at("process:bridge", "172.17.0.1:99"), at("database:far", "db.example.org:5432"),
		at("database:none", ""), at("database:silent", "10.0.0.7:5432"),
	}
	all = append(all, Entity{ID: "peer:web:10.0.0.6", Kind: Peer, Name: "10.0.0.6"})
	all = append(all, Entity{ID: "endpoint:shop", Kind: Endpoint, Name: "shop", Attributes: map[string]string{"target": "https://10.0.0.6:5432/healthz"}},
		Entity{ID: "endpoint:bare", Kind: Endpoint, Attributes: map[string]string{"target": "http://127.0.0.2:8080/"}},
		Entity{ID: "endpoint:twice", Kind: Endpoint, Attributes: map[string]string{"target": "redis://127.0.0.1:6379"}},
		Entity{ID: "certificate:shop", Kind: Certificate, Name: "shop.example.org"}, Entity{ID: "certificate:else", Kind: Certificate})
	var got []string
	for _, r := range Meet(all) {
		got = append(got, r.From+" "+string(r.Kind)+" "+r.To)
	}
	want := []string{
		"database:a runs-on unit:db-1:postgresql", "database:b runs-on unit:db-1:postgresql", "database:c reached-over peer:web:10.0.0.6", "database:c runs-on unit:db-2:postgresql",
		"database:silent runs-on host:db-3",
		"endpoint:bare served-by group:db-3:one", "endpoint:shop served-by database:c",
		"process:x:db-1:9187 runs-on unit:db-1:exporter", "process:y runs-on group:db-3:two", "process:z runs-on unit:db-1:postgresql",
		"unit:db-2:postgresql shows certificate:shop",
	}
	if !slices.Equal(got, want) {
		t.Errorf("met\n%q\nwant\n%q", got, want)
	}
}
