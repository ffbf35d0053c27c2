package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
)

// nobodyWaits is why a message is not tried again whose page has ended.
const nobodyWaits = "An earlier try was cut off, and its page has ended meanwhile."

// ClaimMessages claims what is due, a part for each tenant and channel, so that
// neither a slow channel nor a loud tenant keeps the others waiting.
func (s *Store) ClaimMessages(ctx context.Context, c respond.Claim) (claimed []respond.Message, err error) {
	// Looking costs no write, which is what most looks come to.
	lanes, err := s.lanes(ctx, c)
	if err != nil || len(lanes) == 0 {
		return nil, err
	}
	err = s.change(ctx, "claim messages", func(ctx context.Context, tx bun.Tx) error {
		claimed = nil
		over, args := interrupted(c)
		// What was claimed again after a try that was cut off, and was cut off
		// again, may have arrived twice.
		_, err := tx.NewRaw("UPDATE messages SET state = 'superseded', lease_until = 0, changed_at = ?, reason = ?, "+
			"uncertain = CASE WHEN uncertain <> 0 THEN 2 ELSE 0 END "+
			"WHERE state IN ('due', 'sending') AND page <> '' AND (state = 'sending' AND "+over+") "+
			"AND NOT EXISTS (SELECT 1 FROM pages p WHERE p.id = messages.page AND p.state = 'open')",
			append([]any{micros(c.Now), nobodyWaits}, args...)...).Exec(ctx)
		if err != nil {
			return err
		}
		for round := 0; len(claimed) < c.Limit && round < len(lanes); round++ {
			part, err := s.claimLane(ctx, tx, c, lanes[round], min(c.PerLane, c.Limit-len(claimed)))
			if err != nil {
				return err
			}
			claimed = append(claimed, part...)
		}
		return threads(ctx, tx, claimed)
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// lane is one tenant's messages of one channel.
type lane struct {
	Tenant  string `bun:"tenant"`
	Channel string `bun:"channel"`
	First   int64  `bun:"first"`
}

// interrupted is the condition that a lease is over.
func interrupted(c respond.Claim) (condition string, args []any) {
	return "(lease_until <= ? OR lease_until > ?)", []any{micros(c.Now), micros(c.Stale)}
}

// ready is the condition that a message can be claimed.
func ready(c respond.Claim) (condition string, args []any) {
	over, args := interrupted(c)
	return "(state = 'due' AND (next_at <= ? OR changed_at > ?) OR state = 'sending' AND " + over + ")",
		append([]any{micros(c.Now), micros(c.Ahead)}, args...)
}

// lanes returns those that have something due, the one that waits longest first.
func (s *Store) lanes(ctx context.Context, c respond.Claim) (out []lane, err error) {
	condition, args := ready(c)
	q := s.read.NewSelect().Model((*messageRow)(nil)).Column("tenant", "channel").ColumnExpr("min(next_at) AS first").
		Where("state IN ('due', 'sending')").Where(condition, args...).Group("tenant", "channel").OrderExpr("first, tenant, channel")
	if len(c.Skip) > 0 {
		q = q.Where("channel NOT IN (?)", bun.List(c.Skip))
	}
	err = q.Scan(ctx, &out)
	return out, s.explain("look for due messages", err)
}

func (s *Store) claimLane(ctx context.Context, tx bun.Tx, c respond.Claim, l lane, limit int) ([]respond.Message, error) {
	condition, args := ready(c)
	lock := ""
	if s.postgres() {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	var rows []messageRow
	query := "UPDATE messages SET uncertain = CASE WHEN state = 'sending' THEN 1 ELSE uncertain END, " +
		"state = 'sending', tries = tries + 1, lease_until = ?, changed_at = ? " +
		"WHERE id IN (SELECT id FROM messages WHERE tenant = ? AND channel = ? AND state IN ('due', 'sending') AND " + condition +
		" ORDER BY next_at, id LIMIT ?" + lock + ") RETURNING *"
	all := append([]any{micros(c.Until), micros(c.Now), l.Tenant, l.Channel}, args...)
	if err := tx.NewRaw(query, append(all, limit)...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	return convert(rows, readMessage)
}

// threads gives messages the thread that their incident has in their contact.
func threads(ctx context.Context, tx bun.Tx, messages []respond.Message) error {
	var incidents []string
	for _, m := range messages {
		if m.Incident != "" && m.Content.Thread == "" {
			incidents = append(incidents, m.Incident)
		}
	}
	if len(incidents) == 0 {
		return nil
	}
	var rows []messageRow
	err := tx.NewSelect().Model(&rows).Column("incident", "contact", "thread").Where("incident IN (?)", bun.List(incidents)).
		Where("incident <> ''").Where("thread <> ''").Order("sent_at").Scan(ctx)
	if err != nil {
		return err
	}
	known := map[[2]string]string{}
	for _, r := range rows {
		known[[2]string{r.Incident, r.Contact}] = r.Thread
	}
	for n := range messages {
		if m := &messages[n]; m.Content.Thread == "" {
			m.Content.Thread = known[[2]string{m.Incident, m.Contact.ID}]
		}
	}
	return nil
}

// SettleMessages stores the outcomes of tries with their entries.
func (s *Store) SettleMessages(ctx context.Context, settled []respond.Settled) error {
	return s.change(ctx, "store the outcomes of messages", func(ctx context.Context, tx bun.Tx) error {
		var entries []ledgerRow
		for _, x := range settled {
			row, err := writeMessage(x.Message)
			if err != nil {
				return err
			}
			result, err := tx.NewUpdate().Model(&row).WherePK().Where("tenant = ?", row.Tenant).
				Where("lease_until = ?", micros(x.Lease)).Where("state IN ('sending', 'sent')").Exec(ctx)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if n == 0 {
				continue // somebody else has it by now
			}
			entries = append(entries, writeEntry(x.Entry))
			if row.State == string(respond.Due) && row.Page != "" {
				_, err := tx.NewRaw("UPDATE messages SET state = 'superseded', reason = ? WHERE id = ? AND NOT EXISTS "+
					"(SELECT 1 FROM pages p WHERE p.id = messages.page AND p.state = 'open')", nobodyWaits, row.ID).Exec(ctx)
				if err != nil {
					return err
				}
			}
			if x.Disable == "" {
				continue
			}
			e, err := disable(ctx, tx, x)
			if err != nil {
				return err
			}
			entries = append(entries, e...)
		}
		return insertAll(ctx, tx, entries)
	})
}

// disable marks the contact of a message as gone, and says so in the ledger.
func disable(ctx context.Context, tx bun.Tx, x respond.Settled) ([]ledgerRow, error) {
	m := x.Message
	var rows []contactRow
	if err := tx.NewSelect().Model(&rows).Where("tenant = ?", m.Tenant).Where("id = ?", m.Contact.ID).Scan(ctx); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, nil
	}
	c, err := readContact(rows[0])
	if err != nil || c.Disabled != "" || c.Address != m.Contact.Address {
		return nil, err
	}
	c.Disabled, c.Gone = x.Disable, true
	row, err := writeContact(c)
	if err != nil {
		return nil, err
	}
	if _, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
		return nil, err
	}
	e := x.Entry
	e.ID += "-contact"
	e.Kind, e.Reason = respond.ContactGone, fmt.Sprintf("%s is disabled: %s", c.Name, x.Disable)
	return []ledgerRow{writeEntry(e)}, nil
}

// AddMessages stores messages that belong to no decision.
func (s *Store) AddMessages(ctx context.Context, messages []respond.Message) error {
	rows, err := convert(messages, writeMessage)
	if err != nil {
		return err
	}
	return s.change(ctx, "store messages", func(ctx context.Context, tx bun.Tx) error {
		err := insertAll(ctx, tx, rows)
		if kind(err) == duplicate {
			return fmt.Errorf("%w: a message of that id is there already", respond.ErrConflict)
		}
		return err
	})
}
