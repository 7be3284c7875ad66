// Writes maglev.json: tables that github.com/kkdai/maglev v0.2.0 fills by the paper's pseudocode, with
// the offsets and skips that it fills them by.
//
//	go mod init vectors && go get github.com/kkdai/maglev@v0.2.0 && go run maglev.go > maglev.json
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/dchest/siphash"
	"github.com/kkdai/maglev"
)

type vector struct {
	Size    uint64   `json:"size"`
	Names   []string `json:"names"`
	Offsets []uint64 `json:"offsets"`
	Skips   []uint64 `json:"skips"`
	Counts  []int    `json:"counts"`
	Slots   []int64  `json:"slots,omitempty"`
	SHA256  string   `json:"sha256"`
}

func main() {
	var vectors []vector
	for _, of := range []struct{ members, size uint64 }{{3, 7}, {5, 251}, {10, 65537}, {100, 65537}} {
		v := vector{Size: of.size, Counts: make([]int, of.members)}
		for n := uint64(0); n < of.members; n++ {
			name := fmt.Sprintf("backend-%03d", n)
			v.Names = append(v.Names, name)
			v.Offsets = append(v.Offsets, siphash.Hash(0xdeadbabe, 0, []byte(name))%of.size)
			v.Skips = append(v.Skips, siphash.Hash(0xdeadbeef, 0, []byte(name))%(of.size-1)+1)
		}
		table, err := maglev.NewMaglev(v.Names, of.size)
		if err != nil {
			panic(err)
		}
		lookup := reflect.ValueOf(table).Elem().FieldByName("lookup")
		words := make([]string, lookup.Len())
		for slot := range words {
			owner := lookup.Index(slot).Int()
			words[slot] = fmt.Sprint(owner)
			v.Counts[owner]++
			if of.size < 1000 {
				v.Slots = append(v.Slots, owner)
			}
		}
		sum := sha256.Sum256([]byte(strings.Join(words, ",")))
		v.SHA256 = hex.EncodeToString(sum[:])
		vectors = append(vectors, v)
	}
	if err := json.NewEncoder(os.Stdout).Encode(vectors); err != nil {
		panic(err)
	}
}
