-- $ORGS carriers; each has 40 couriers, 200 parcels with five scans each, 150 stops a day, ten customs forms. The first ten
-- are large, with 4,000 scans more. Ids are hashes of numbers, so that whoever knows the numbers can compute them.
INSERT INTO org SELECT md5('org ' || o)::uuid, 'carrier-' || o, 'Carrier ' || o FROM generate_series(1, $ORGS) AS o;

INSERT INTO courier
SELECT md5('courier ' || o || ' ' || n)::uuid, md5('org ' || o)::uuid, 'Courier ' || n, n % 3 > 0, 1 + n % 5
FROM generate_series(1, $ORGS) AS o, generate_series(1, 40) AS n;

INSERT INTO parcel
SELECT md5('parcel ' || o || ' ' || n)::uuid, md5('org ' || o)::uuid, 'DP' || lpad(o::text, 5, '0') || lpad(n::text, 6, '0'),
    (ARRAY['booked', 'sorted', 'out', 'delivered', 'delivered', 'delivered'])[1 + n % 6], 100 + (n * 7919) % 20000,
    (ARRAY['Adler', 'Berg', 'Castro', 'Dupont', 'Eriksen', 'Fischer', 'Garcia', 'Huber'])[1 + n % 8] || ' ' || n,
    (ARRAY['Aarhus', 'Bilbao', 'Cork', 'Dresden', 'Espoo'])[1 + n % 5], NULL, timestamptz '2026-01-01' + n * interval '11 minutes'
FROM generate_series(1, $ORGS) AS o, generate_series(1, 200) AS n;

INSERT INTO scan (org_id, parcel_id, kind, place, scanned_at)
SELECT md5('org ' || o)::uuid, md5('parcel ' || o || ' ' || n)::uuid,
    (ARRAY['arrived', 'sorted', 'loaded', 'out', 'handed over'])[s], 'gate ' || (o + n) % 12,
    timestamptz '2026-01-01' + n * interval '11 minutes' + s * (20 + (o * n) % 70) * interval '1 minute'
FROM generate_series(1, 5) AS s, generate_series(1, 200) AS n, generate_series(1, $ORGS) AS o;

INSERT INTO scan (org_id, parcel_id, kind, place, note, scanned_at)
SELECT md5('org ' || o)::uuid, md5('parcel ' || o || ' ' || 1 + n % 200)::uuid, 'counted', 'gate ' || n % 12,
    rpad('seal of the cage ' || md5(n::text), 120, ' intact'), timestamptz '2026-01-05' + (n * 7 % 4001) * interval '1 second'
FROM generate_series(1, least($ORGS, 10)) AS o, generate_series(1, 4000) AS n;

INSERT INTO stop
SELECT md5('org ' || o)::uuid, d::date, n, 'DP' || lpad(o::text, 5, '0') || lpad((n + 25)::text, 6, '0')
FROM generate_series(timestamp '2026-01-04', '2026-01-05', '1 day') AS d, generate_series(1, $ORGS) AS o, generate_series(1, 150) AS n;

INSERT INTO customs_form
SELECT md5('org ' || o)::uuid, n, (ARRAY['CH', 'GB', 'NO', 'US'])[1 + n % 4], n * 1250,
    jsonb_build_object('goods', jsonb_build_array(jsonb_build_object('what', 'books', 'pieces', n)))
FROM generate_series(1, $ORGS) AS o, generate_series(1, 10) AS n;

INSERT INTO tally
SELECT md5('org ' || o)::uuid, what, 0 FROM generate_series(1, $ORGS) AS o, unnest(ARRAY['bags', 'parcels', 'scans']) AS what;
