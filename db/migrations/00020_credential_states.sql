-- +goose Up

-- A credential that its token endpoint rejected too often is 'rejected'. It was 'refused'.
UPDATE credentials SET state = 'rejected' WHERE state = 'refused';

DROP VIEW provider_health;
CREATE VIEW provider_health AS
WITH subjects AS (
  SELECT provider, account FROM freshness
   UNION
  SELECT provider, account FROM alerts WHERE state = 'raised' AND account <> ''
), everybody AS (
  SELECT provider, account FROM subjects
   UNION
  SELECT provider, '' FROM alerts WHERE state = 'raised' AND provider NOT IN (SELECT provider FROM subjects)
   UNION
  SELECT provider, '' FROM credentials WHERE provider NOT IN (SELECT provider FROM subjects)
), used AS (
  SELECT provider, user, state, cooldown_until, max(updated_at) AS updated_at FROM credentials GROUP BY provider, user
)
SELECT e.provider, e.account, f.last_success_at, f.last_failure_at, f.failure_code,
       (SELECT u.state FROM used AS u WHERE u.provider = e.provider
         ORDER BY CASE u.state WHEN 'rejected' THEN 1 WHEN 'consent_required' THEN 2 WHEN 'empty' THEN 3 ELSE 4 END LIMIT 1) AS credential_state,
       (SELECT max(u.cooldown_until) FROM used AS u
         WHERE u.provider = e.provider AND u.cooldown_until > strftime('%Y-%m-%dT%H:%M:%fZ')) AS cooldown_until,
       (SELECT group_concat(code || CASE user WHEN '' THEN '' ELSE ' (' || user || ')' END, ', ')
          FROM (SELECT * FROM alerts WHERE state = 'raised' ORDER BY alert_id) AS a
         WHERE a.provider = e.provider AND a.account IN ('', e.account)) AS alerts
  FROM everybody AS e LEFT JOIN freshness AS f ON f.provider = e.provider AND f.account = e.account
 ORDER BY e.provider, e.account;
