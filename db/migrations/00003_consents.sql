-- +goose Up

-- accounts are those of the user whose consent resolved the alert, a JSON list; NULL for
-- every other alert. A job of theirs that was in hand meanwhile is asked again.
ALTER TABLE alerts ADD COLUMN accounts TEXT;

CREATE INDEX alerts_consents ON alerts (provider, resolved_at)
  WHERE code = 'consent_required' AND state = 'resolved';
