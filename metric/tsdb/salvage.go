package tsdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The write-ahead log is a row of segment files of pages of 32 KiB. A page
// holds fragments: a header of type (1 byte), length (2) and CRC-32C (4), and
// the data. A record is one full fragment, or a first, some middle and a last
// one over several pages; the rest of a page is zero. The engine's own repair
// drops everything after the first damage, which may be hours. Salvage
// instead makes the damaged parts harmless in place, so that all other
// records are read: it turns their fragments into whole records of a type
// that the engine skips, as it does what is not even a fragment.
const (
	pageSize   = 32 << 10
	headerSize = 7

	pageEnd        = 0
	fullFragment   = 1
	firstFragment  = 2
	middleFragment = 3
	lastFragment   = 4
	typeMask       = 7 // the bits above say how the record is compressed

	// skippedRecord is a record type that the engine does not know.
	skippedRecord = 0xff
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// salvage looks through all segments of the write-ahead log, of the log of
// late samples and of checkpoints, and notes what it had to cut out.
func (d *DB) salvage() error {
	checkpoints, err := filepath.Glob(d.path("wal", "checkpoint.*"))
	if err != nil {
		return err
	}
	for _, dir := range append(checkpoints, d.path("wal"), d.path("wbl")) {
		segments, err := segmentsOf(dir)
		if err != nil {
			return err
		}
		for i, n := range segments {
			if i > 0 && n != segments[i-1]+1 {
				if err := d.bridge(dir, segments[i-1], n); err != nil {
					return err
				}
			}
			if err := d.salvageSegment(filepath.Join(dir, fmt.Sprintf("%08d", n)), i == len(segments)-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func segmentsOf(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var out []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && !e.IsDir() {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, err
}

// bridge puts empty segments where some are missing: the engine refuses a row
// with a gap.
func (d *DB) bridge(dir string, before, after int) error {
	for n := before + 1; n < after; n++ {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%08d", n)), nil, 0o640); err != nil {
			return err
		}
	}
	d.note("The write-ahead log %s lacks its segments %d to %d. The metrics in them are lost.", dir, before+1, after-1)
	return nil
}

func (d *DB) salvageSegment(path string, last bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s := scan{data: data}
	s.run()
	if s.cut == 0 {
		return nil
	}
	if last && s.tailOnly {
		// What a kill or a loss of power leaves. Its writer was never told
		// that it is written.
		d.note("The last write before the stop was cut off. At most one round of metrics, of about %s, is lost.", info.ModTime().UTC().Format(time.RFC3339))
	} else {
		name, err := filepath.Rel(d.cfg.Dir, path)
		if err != nil {
			return err
		}
		copied := d.path(damagedDir, strings.ReplaceAll(name, string(filepath.Separator), "-")+"."+strconv.FormatInt(info.ModTime().Unix(), 10))
		if err := os.MkdirAll(filepath.Dir(copied), 0o750); err != nil {
			return err
		}
		original, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(copied, original, 0o640); err != nil {
			return err
		}
		d.note("The write-ahead log was damaged in %d places of %s, last written %s. %d bytes of metrics were cut out and are lost, all others are kept; the original is %s.",
			s.cut, name, info.ModTime().UTC().Format(time.RFC3339), s.lost, copied)
	}
	if err := os.WriteFile(path+".salvaged", s.data, info.Mode()); err != nil {
		return errors.Join(err, os.Remove(path+".salvaged"))
	}
	return os.Rename(path+".salvaged", path)
}

// scan goes through one segment and repairs data in place.
type scan struct {
	data     []byte
	pending  []fragment // of a record whose last fragment is yet to come
	cut      int        // damaged places
	lost     int        // bytes in them
	tailOnly bool       // the only damage is a write cut off at the end
}

type fragment struct{ at, length int } // length of the data

func (s *scan) run() {
	used := len(bytes.TrimRight(s.data, "\x00"))
	for at := 0; at < len(s.data); {
		end := min(at-at%pageSize+pageSize, len(s.data))
		kind, length, ok := s.fragmentAt(at, end)
		switch {
		case kind == pageEnd && ok:
			// A record that goes on does so right at the next page, and
			// pages before the last are not empty: there, zeros are damage.
			switch {
			case at%pageSize == 0 && at < used:
				s.clear(at, end)
			case len(s.pending) > 0:
				s.dropPending()
			}
			at = end
			continue
		case !ok && length >= 0 && s.plausible(at+headerSize+length, end):
			// Only the data is damaged; what follows is sound.
			s.drop(fragment{at, length})
		case !ok:
			s.clear(at, end)
			at = end
			continue
		default:
			s.join(kind, fragment{at, length})
		}
		at += headerSize + length
	}
	if len(s.pending) > 0 {
		s.tailOnly = s.cut == 0
		s.dropPending()
	}
}

// fragmentAt reads the fragment at a place. If it is not sound, length is
// that of its header where this may be true, else -1.
func (s *scan) fragmentAt(at, end int) (kind byte, length int, ok bool) {
	kind = s.data[at] & typeMask
	if s.data[at] == pageEnd {
		return pageEnd, -1, !slices.ContainsFunc(s.data[at:end], func(b byte) bool { return b != 0 })
	}
	if end-at < headerSize || kind < fullFragment || kind > lastFragment {
		return kind, -1, false
	}
	length = int(binary.BigEndian.Uint16(s.data[at+1:]))
	from := at + headerSize
	if from+length > end {
		return kind, -1, false
	}
	sum := binary.BigEndian.Uint32(s.data[at+3:])
	return kind, length, crc32.Checksum(s.data[from:from+length], castagnoli) == sum
}

// plausible says whether a sound fragment, or the page's end, is at a place.
func (s *scan) plausible(at, end int) bool {
	if at >= end {
		return at == end
	}
	_, _, ok := s.fragmentAt(at, end)
	return ok
}

// join follows the order of fragments and drops those without their others.
func (s *scan) join(kind byte, f fragment) {
	switch kind {
	case fullFragment:
		s.dropPending()
	case firstFragment:
		s.dropPending()
		s.pending = append(s.pending, f)
	case middleFragment, lastFragment:
		if len(s.pending) == 0 {
			s.neutralize(f) // its first was damaged and counted
			return
		}
		s.pending = append(s.pending, f)
		if kind == lastFragment {
			s.pending = s.pending[:0]
		}
	}
}

// drop gives up one damaged fragment and the record that it is part of.
func (s *scan) drop(f fragment) {
	s.cut++
	s.neutralize(f)
	for _, p := range s.pending {
		s.neutralize(p)
	}
	s.pending = s.pending[:0]
}

func (s *scan) dropPending() {
	if len(s.pending) > 0 {
		last := s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		s.drop(last)
	}
}

// clear gives up the rest of a page. In a file that ends within the page, it
// is a write that was cut off: the file is shortened.
func (s *scan) clear(at, end int) {
	s.tailOnly = s.cut == 0 && end == len(s.data) && end%pageSize != 0
	s.cut++
	if end == len(s.data) && end%pageSize != 0 {
		s.lost += end - at
		s.data = s.data[:at]
	} else {
		clear(s.data[at:end])
		if length := end - at - headerSize; length > 0 {
			binary.BigEndian.PutUint16(s.data[at+1:], uint16(length))
			s.neutralize(fragment{at, length})
		}
	}
	for _, p := range s.pending {
		s.neutralize(p)
	}
	s.pending = s.pending[:0]
}

// neutralize makes a fragment a whole record that the engine skips.
func (s *scan) neutralize(f fragment) {
	s.lost += f.length
	data := s.data[f.at+headerSize : f.at+headerSize+f.length]
	if len(data) > 0 {
		data[0] = skippedRecord
	}
	s.data[f.at] = fullFragment
	binary.BigEndian.PutUint32(s.data[f.at+3:], crc32.Checksum(data, castagnoli))
}
