-- +goose Up

-- Every exchange of a job is kept now, not only one whose answer could not be read. attempt is the
-- job's, counted from 1. kept is 'full', or 'metadata' where bodies and the values in URLs must not be
-- stored; NULL in rows from before. response_body has an answer as it is where that is short, or was
-- of no use (its first 64 KiB); any other is in response_gzip, compressed (RFC 1952):
--   sqlite3 orderbeat.db "select writefile('answer.gz', response_gzip) from exchanges where exchange_id = 1"; zcat answer.gz
-- or: orderbeat exchanges 1
-- upto is how many bytes there were in all rows up to this one, about: it only grows, so that the size
-- of what is kept is the difference of two.
ALTER TABLE exchanges ADD COLUMN attempt INTEGER;
ALTER TABLE exchanges ADD COLUMN kept TEXT CHECK (kept IN ('full', 'metadata'));
ALTER TABLE exchanges ADD COLUMN upto INTEGER NOT NULL DEFAULT 0;
ALTER TABLE exchanges ADD COLUMN response_gzip BLOB;

UPDATE exchanges SET upto = s.upto
  FROM (SELECT exchange_id AS id, sum(200 + coalesce(length(request_body), 0) + coalesce(length(response_body), 0)) OVER (ORDER BY exchange_id) AS upto
          FROM exchanges) AS s
 WHERE exchange_id = s.id;
