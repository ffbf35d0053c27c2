package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// SQLite reads its write-ahead log up to the first frame that is not right and
// forgets the rest without a word, because that is how a write looks that a
// crash has cut off. A log that is damaged in its middle looks the same, and
// what comes after was acknowledged. So we look ourselves, and say so.
//
// The format: https://sqlite.org/fileformat2.html#the_write_ahead_log

const (
	walHeader   = 32
	frameHeader = 24
	// walMagic is the first word, but for its lowest bit, which tells the
	// order of bytes in the words that are summed.
	walMagic = 0x377f0682
)

// walLoss is what of a log cannot be read.
type walLoss struct {
	// Kept and Lost count transactions. What is lost may be part of one that
	// was never acknowledged.
	Kept, Lost int
}

// readWAL looks through the log at path. A log that is not there has lost
// nothing.
func readWAL(path string) (loss walLoss, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return loss, nil
	}
	if err != nil {
		return loss, err
	}
	defer f.Close() // read only: nothing to lose
	in := bufio.NewReaderSize(f, 1<<16)
	header := make([]byte, walHeader)
	if _, err := io.ReadFull(in, header); err != nil {
		return loss, cutOff(err)
	}
	magic := binary.BigEndian.Uint32(header)
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 == 1 {
		order = binary.BigEndian
	}
	page := int(binary.BigEndian.Uint32(header[8:]))
	if page == 1 {
		page = 65536
	}
	sum := walSum{order: order}
	sum.add(header[:24])
	if magic&^1 != walMagic || page < 512 || page > 65536 || !sum.is(header[24:]) {
		// SQLite takes a log with such a beginning for an empty one.
		info, err := f.Stat()
		if err != nil {
			return loss, err
		}
		if info.Size() > walHeader {
			loss.Lost = 1
		}
		return loss, nil
	}
	salt := string(header[16:24])
	frame := make([]byte, frameHeader+page)
	for right := true; ; {
		if _, err := io.ReadFull(in, frame); err != nil {
			return loss, cutOff(err)
		}
		ours := string(frame[8:16]) == salt // else it is left from before the log began anew
		if right {
			sum.add(frame[:8])
			sum.add(frame[frameHeader:])
			right = ours && sum.is(frame[16:24])
		}
		ends := binary.BigEndian.Uint32(frame[4:]) != 0
		switch {
		case right && ends:
			loss.Kept++
		case !right && ours && ends:
			loss.Lost++
		}
	}
}

// cutOff forgives the end of a log in the middle of a frame: it was being
// written when the process ended.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// walSum is the running checksum of a log.
type walSum struct {
	order binary.ByteOrder
	a, b  uint32
}

func (s *walSum) add(words []byte) {
	for i := 0; i+8 <= len(words); i += 8 {
		s.a += s.order.Uint32(words[i:]) + s.b
		s.b += s.order.Uint32(words[i+4:]) + s.a
	}
}

func (s *walSum) is(written []byte) bool {
	return binary.BigEndian.Uint32(written) == s.a && binary.BigEndian.Uint32(written[4:]) == s.b
}

// tellLoss says what a damaged log has lost, and keeps a copy of the log, which
// SQLite is about to write over.
func (s *Store) tellLoss(db string) error {
	wal := db + "-wal"
	loss, err := readWAL(wal)
	if err != nil {
		return fmt.Errorf("read %s: %w", wal, err)
	}
	if loss.Lost == 0 {
		return nil
	}
	kept := wal + ".damaged"
	if err := copyFile(wal, kept); err != nil {
		return fmt.Errorf("keep a copy of the damaged %s: %w", wal, err)
	}
	s.log.Error("the write-ahead log of the state is damaged; what was last written is lost. Look at the disk, and compare with the last backup",
		"transactions read", loss.Kept, "transactions lost", loss.Lost, "copy", kept)
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
