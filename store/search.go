package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/schema"
)

// A search finds a text anywhere within a row's search text. Both databases
// keep an index of the three-letter parts (grams) of what is searched. It tells
// which rows can hold a text; that they do is looked at in the rows. What many
// rows can hold, and what is shorter than a gram, is looked for in the order of
// the list instead: there a page is full soon.

const (
	// maxSearch bounds a search text, in bytes: it is part of an index, and
	// PostgreSQL takes 2,700 bytes for a row of one.
	maxSearch = 1000

	// gram is the length of the parts that are indexed, in letters.
	gram = 3
	// maxGrams bounds for how many parts the index is asked.
	maxGrams = 16
	// rareAtMost is how many findings are looked at for a text, wherever they
	// are in the list.
	rareAtMost = 3000
)

// searchable is how text is searched: plain, in lower case, and its beginning.
func searchable(parts ...string) string {
	s := strings.ToLower(plain(strings.Join(parts, "\n")))
	if len(s) > maxSearch {
		s = strings.ToValidUTF8(s[:maxSearch], "")
	}
	return s
}

// find is the position of a text within a column of search text, 0 where it is
// not in there: some times faster than LIKE on SQLite, and without wildcards.
func (s *Store) find(column bun.Ident, text string) schema.QueryWithArgs {
	if s.postgres() {
		return bun.SafeQuery("strpos(?, ?)", column, searchable(text))
	}
	return bun.SafeQuery("instr(?, ?)", column, searchable(text))
}

// grams are parts of a text: all, or of a long one some of all over it. What
// holds the text holds them all; what holds them all need not hold the text.
// There are none where it is too short.
func grams(text string) (out []string) {
	letters := []rune(text)
	last := len(letters) - gram
	if last < 0 {
		return nil
	}
	step := max(1, (last+maxGrams-2)/(maxGrams-1))
	for at := 0; ; at = min(at+step, last) {
		out = append(out, string(letters[at:at+gram]))
		if at == last {
			slices.Sort(out)
			return slices.Compact(out)
		}
	}
}

// findingsHolding returns the ids of the findings of all tenants that can hold
// a text, or that the index is of no use: there are more than rareAtMost, or
// nobody can tell.
func (s *Store) findingsHolding(ctx context.Context, text string) (ids []string, rare bool, err error) {
	parts := grams(searchable(text))
	if len(parts) == 0 {
		return nil, false, nil
	}
	if s.postgres() {
		ids, err = s.holdingPostgres(ctx, parts)
	} else {
		ids, err = s.holdingSQLite(ctx, parts)
	}
	if err != nil {
		return nil, false, err
	}
	return ids, len(ids) <= rareAtMost, nil
}

func (s *Store) holdingSQLite(ctx context.Context, parts []string) (ids []string, err error) {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	err = s.read.NewSelect().Column("finding").Table("finding_grams").
		Join("CROSS JOIN finding_numbers ON number = finding_grams.rowid"). // CROSS: in this order
		Where("finding_grams MATCH ?", strings.Join(quoted, " AND ")).Limit(rareAtMost+1).Scan(ctx, &ids)
	return ids, err
}

// holdingPostgres asks the index also where PostgreSQL believes that taking the
// parts of row after row would be as fast: it is not by far.
func (s *Store) holdingPostgres(ctx context.Context, parts []string) (ids []string, err error) {
	err = s.read.RunInTx(ctx, &sql.TxOptions{ReadOnly: true}, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewRaw("SET LOCAL enable_seqscan = off").Exec(ctx); err != nil {
			return err
		}
		return tx.NewSelect().Column("id").Table("findings").
			Where("evenkeel_grams(search) @> ?", pgdialect.Array(parts)).Limit(rareAtMost+1).Scan(ctx, &ids)
	})
	return ids, err
}
