-- A parcel depot that many carriers share. Whatever belongs to a carrier (org) is seen by that carrier alone: row-level security
-- by the claims of the request, as PostgREST and Supabase pass them on.
CREATE TABLE org (
    org_id uuid PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    title text NOT NULL
);

CREATE TABLE courier (
    courier_id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    full_name text NOT NULL,
    on_duty boolean NOT NULL,
    stars smallint NOT NULL
);

CREATE TABLE parcel (
    parcel_id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    barcode text NOT NULL,
    state text NOT NULL,
    weight_g integer NOT NULL,
    recipient text NOT NULL,
    city text NOT NULL,
    price_cents integer,
    booked_at timestamptz NOT NULL
);

CREATE TABLE scan (
    scan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id uuid NOT NULL,
    parcel_id uuid NOT NULL,
    kind text NOT NULL,
    place text NOT NULL,
    note text NOT NULL DEFAULT '',
    scanned_at timestamptz NOT NULL
);

-- The stops of a day's rounds, by the barcodes that the couriers' handhelds know.
CREATE TABLE stop (
    org_id uuid NOT NULL,
    day date NOT NULL,
    place_in_round integer NOT NULL,
    barcode text NOT NULL,
    PRIMARY KEY (org_id, day, place_in_round)
);

CREATE TABLE customs_form (
    org_id uuid NOT NULL,
    number integer NOT NULL,
    destination text NOT NULL,
    value_cents integer NOT NULL,
    form jsonb NOT NULL,
    PRIMARY KEY (org_id, number)
);

CREATE TABLE tally (
    org_id uuid NOT NULL,
    what text NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (org_id, what)
);
