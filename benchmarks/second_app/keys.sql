-- What is made once the rows are there, since it is faster then: indexes, references, and who sees what.
CREATE UNIQUE INDEX parcel_barcode ON parcel (barcode);
CREATE INDEX courier_org ON courier (org_id);
CREATE INDEX parcel_latest ON parcel (org_id, booked_at DESC, parcel_id DESC);
CREATE INDEX scan_of_parcel ON scan (parcel_id, scanned_at DESC);
CREATE INDEX scan_journal ON scan (org_id, scan_id DESC);

ALTER TABLE courier ADD FOREIGN KEY (org_id) REFERENCES org;
ALTER TABLE parcel ADD FOREIGN KEY (org_id) REFERENCES org;
ALTER TABLE scan ADD FOREIGN KEY (org_id) REFERENCES org;
ALTER TABLE scan ADD FOREIGN KEY (parcel_id) REFERENCES parcel;
ALTER TABLE stop ADD FOREIGN KEY (org_id) REFERENCES org;
ALTER TABLE customs_form ADD FOREIGN KEY (org_id) REFERENCES org;
ALTER TABLE tally ADD FOREIGN KEY (org_id) REFERENCES org;

-- Who calls, once for each statement.
CREATE FUNCTION claimed_org() RETURNS uuid LANGUAGE sql STABLE
RETURN (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org')::uuid;

CREATE ROLE depot_api LOGIN NOSUPERUSER NOBYPASSRLS;
CREATE ROLE depot_watch LOGIN IN ROLE pg_monitor;
GRANT SELECT, INSERT, UPDATE ON org, courier, parcel, scan, stop, customs_form, tally TO depot_api;

DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY ARRAY['org', 'courier', 'parcel', 'scan', 'stop', 'customs_form', 'tally'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format('CREATE POLICY own_org ON %I TO depot_api USING (org_id = (SELECT claimed_org()))', owned);
    END LOOP;
END
$$;
