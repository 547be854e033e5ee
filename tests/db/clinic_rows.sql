-- Two clinics whose every figure a test can work out by hand.
INSERT INTO clinics (id, slug, name, city, phone, opened_on)
SELECT c, 'loadtest-0000' || c, 'Clinic ' || c, 'Delft', '555', '2020-01-01' FROM generate_series(1, 2) c;

INSERT INTO users (id, clinic_id, email, full_name, role, password_hash)
SELECT (c - 1) * 10 + u, c, 'user' || ((c - 1) * 10 + u) || '@clinic.example', 'First' || u || ' Last' || u,
    CASE WHEN u <= 7 THEN 'owner' WHEN u <= 9 THEN 'vet' ELSE 'admin' END, ''
FROM generate_series(1, 2) c, generate_series(1, 10) u;

INSERT INTO pets (id, clinic_id, owner_id, name, species, breed, sex, born_on, weight_kg)
SELECT (c - 1) * 100 + p, c, (c - 1) * 10 + 1 + p % 7, CASE WHEN p <= 90 THEN 'Rex' ELSE '100%_real' END || p, 'dog', 'mixed', 'male',
    '2020-01-01', 5.25
FROM generate_series(1, 2) c, generate_series(1, 100) p;

INSERT INTO services (clinic_id, name, price, minutes)
SELECT c, 'Service ' || s, 10.50, 30 FROM generate_series(1, 2) c, generate_series(1, 8) s;

INSERT INTO products (id, clinic_id, sku, name, price, stock)
SELECT (c - 1) * 20 + p, c, 'SKU' || p, 'Product ' || p, p + 0.25, 100 FROM generate_series(1, 2) c, generate_series(1, 20) p;

-- Today, 2026-01-05: the first vet at 08:00 and 08:30, and a cancelled one at 09:00; a week later one at 10:00.
INSERT INTO appointments (id, clinic_id, pet_id, vet_id, starts_at, status, reason)
SELECT (c - 1) * 50 + a, c, (c - 1) * 100 + a, (c - 1) * 10 + 8, at::timestamptz, status, 'check-up'
FROM generate_series(1, 2) c, (VALUES
    (1, '2026-01-05 08:00Z', 'scheduled'), (2, '2026-01-05 08:30Z', 'confirmed'),
    (3, '2026-01-05 09:00Z', 'cancelled'), (4, '2026-01-12 10:00Z', 'scheduled')) AS v (a, at, status);

-- Pet 1 of each clinic has 25 records, pet 2 has one.
INSERT INTO medical_records (id, clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)
SELECT (c - 1) * 200 + r, c, (c - 1) * 100 + CASE WHEN r <= 25 THEN 1 ELSE 2 END, (c - 1) * 10 + 8,
    '2025-01-01 08:00Z'::timestamptz + r * interval '1 day', 'Diagnosis', 'Treatment', 'Notes', 5
FROM generate_series(1, 2) c, generate_series(1, 26) r;

-- Each clinic has a prescription of its first record, with its scan.
INSERT INTO prescriptions (id, clinic_id, record_id, pet_id, vet_id, number, drug, dose, days)
SELECT (c - 1) * 60 + 1, c, (c - 1) * 200 + 1, (c - 1) * 100 + 1, (c - 1) * 10 + 8, 'R-1', 'Drug', 'Dose', 7 FROM generate_series(1, 2) c;
INSERT INTO prescription_files (clinic_id, prescription_id, name, content_type, size_bytes, sha256)
SELECT c, (c - 1) * 60 + 1, 'scan.pdf', 'application/pdf', 1000, sha256('scan') FROM generate_series(1, 2) c;

-- Totals 1..40; every fourth is overdue: 4 + 8 + ... + 40 = 220.
INSERT INTO invoices (id, clinic_id, owner_id, number, status, issued_on, due_on, total)
SELECT (c - 1) * 100 + i, c, (c - 1) * 10 + 1, 'INV-' || i, CASE WHEN i % 4 = 0 THEN 'overdue' ELSE 'paid' END,
    '2025-01-01'::date + i, '2025-03-01', i
FROM generate_series(1, 2) c, generate_series(1, 40) i;

-- One sale of clinic 2, of its last product.
INSERT INTO orders (id, clinic_id, owner_id, status, total) VALUES (1, 2, 11, 'paid', 20.25);
INSERT INTO order_items (id, clinic_id, order_id, product_id, quantity, price) VALUES (1, 2, 1, 40, 1, 20.25);
INSERT INTO payments (id, clinic_id, order_id, amount, method) VALUES (1, 2, 1, 20.25, 'card');
