-- Peers of all gateways, and what they have used; see wgslirp-sync(8).
-- The role that wgslirp-sync connects as needs no more than the grants at the
-- end.  All of it may be run again.

CREATE TABLE IF NOT EXISTS peers (
	name		text PRIMARY KEY
			CHECK (octet_length(name) BETWEEN 1 AND 63 AND
			    name !~ '[[:cntrl:]"\\]'),
	public_key	text NOT NULL UNIQUE
			CHECK (public_key ~ '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$'),
	preshared_key	text
			CHECK (preshared_key ~ '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$'),
	allowed_ips	cidr[] NOT NULL,
	quota		bigint CHECK (quota > 0),	-- bytes, both ways
	rate_in		bigint CHECK (rate_in >= 8000),	-- bits a second
	rate_out	bigint CHECK (rate_out >= 8000),
	max_flows	int CHECK (max_flows BETWEEN 1 AND 1048576),
	expires		timestamptz CHECK (isfinite(expires)),
	enabled		boolean NOT NULL DEFAULT true
);

-- What each gateway has counted: rx came from the peer, tx went to it.  The
-- rest is for wgslirp-sync, which goes on where it was.
CREATE TABLE IF NOT EXISTS usage (
	public_key	text NOT NULL,
	gateway		text NOT NULL,
	rx		bigint NOT NULL DEFAULT 0,
	tx		bigint NOT NULL DEFAULT 0,
	handshake	timestamptz,
	started		bigint NOT NULL DEFAULT 0,
	rx_seen		bigint NOT NULL DEFAULT 0,
	tx_seen		bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (public_key, gateway)
);

-- Every change is told to every gateway.
CREATE OR REPLACE FUNCTION wgslirpd_changed() RETURNS trigger AS $$
BEGIN
	NOTIFY wgslirpd_peers;
	RETURN NULL;
END
$$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS wgslirpd_changed ON peers;
CREATE TRIGGER wgslirpd_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON peers
	FOR EACH STATEMENT EXECUTE FUNCTION wgslirpd_changed();

DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wgslirpd') THEN
		CREATE ROLE wgslirpd LOGIN;
	END IF;
END
$$;
GRANT SELECT ON peers TO wgslirpd;
GRANT SELECT, INSERT, UPDATE ON usage TO wgslirpd;
