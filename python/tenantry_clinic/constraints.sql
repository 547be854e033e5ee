-- Indexes, keys, row-level security, grants; run as the owner after the rows are loaded.

ALTER TABLE clinics ADD CONSTRAINT clinics_slug_key UNIQUE (slug);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);
ALTER TABLE products ADD CONSTRAINT products_sku_key UNIQUE (clinic_id, sku);
ALTER TABLE prescriptions ADD CONSTRAINT prescriptions_number_key UNIQUE (clinic_id, number);
ALTER TABLE invoices ADD CONSTRAINT invoices_number_key UNIQUE (clinic_id, number);
-- A vet sees one pet at a time; a cancelled appointment frees its slot.
CREATE UNIQUE INDEX appointments_slot_key ON appointments (vet_id, starts_at) WHERE status <> 'cancelled';

CREATE INDEX pets_owner_idx ON pets (clinic_id, owner_id);
CREATE INDEX pets_name_idx ON pets (clinic_id, name, id);
CREATE INDEX pets_name_key_idx ON pets (clinic_id, name_key);
CREATE INDEX appointments_time_idx ON appointments (clinic_id, starts_at);
CREATE INDEX appointments_pet_idx ON appointments (clinic_id, pet_id);
CREATE INDEX medical_records_pet_idx ON medical_records (clinic_id, pet_id, visited_at DESC);
CREATE INDEX medical_records_time_idx ON medical_records (clinic_id, visited_at DESC);
CREATE INDEX prescriptions_pet_idx ON prescriptions (clinic_id, pet_id, issued_at DESC);
CREATE INDEX prescriptions_record_idx ON prescriptions (clinic_id, record_id);
CREATE INDEX prescription_files_prescription_idx ON prescription_files (clinic_id, prescription_id);
CREATE INDEX invoices_issued_idx ON invoices (clinic_id, issued_on DESC, id DESC);
CREATE INDEX order_items_order_idx ON order_items (clinic_id, order_id);
CREATE INDEX payments_order_idx ON payments (clinic_id, order_id);
CREATE INDEX payments_invoice_idx ON payments (clinic_id, invoice_id);

-- A reference carries the tenant, so that no row can point into another clinic.
ALTER TABLE users ADD CONSTRAINT users_clinic_fkey FOREIGN KEY (clinic_id) REFERENCES clinics (id);
ALTER TABLE services ADD CONSTRAINT services_clinic_fkey FOREIGN KEY (clinic_id) REFERENCES clinics (id);
ALTER TABLE products ADD CONSTRAINT products_clinic_fkey FOREIGN KEY (clinic_id) REFERENCES clinics (id);
ALTER TABLE pets ADD CONSTRAINT pets_owner_fkey FOREIGN KEY (clinic_id, owner_id) REFERENCES users (clinic_id, id);
ALTER TABLE appointments
    ADD CONSTRAINT appointments_pet_fkey FOREIGN KEY (clinic_id, pet_id) REFERENCES pets (clinic_id, id),
    ADD CONSTRAINT appointments_vet_fkey FOREIGN KEY (clinic_id, vet_id) REFERENCES users (clinic_id, id);
ALTER TABLE medical_records
    ADD CONSTRAINT medical_records_pet_fkey FOREIGN KEY (clinic_id, pet_id) REFERENCES pets (clinic_id, id),
    ADD CONSTRAINT medical_records_vet_fkey FOREIGN KEY (clinic_id, vet_id) REFERENCES users (clinic_id, id);
ALTER TABLE prescriptions
    ADD CONSTRAINT prescriptions_record_fkey FOREIGN KEY (clinic_id, record_id) REFERENCES medical_records (clinic_id, id),
    ADD CONSTRAINT prescriptions_pet_fkey FOREIGN KEY (clinic_id, pet_id) REFERENCES pets (clinic_id, id),
    ADD CONSTRAINT prescriptions_vet_fkey FOREIGN KEY (clinic_id, vet_id) REFERENCES users (clinic_id, id);
ALTER TABLE prescription_files ADD CONSTRAINT prescription_files_prescription_fkey
    FOREIGN KEY (clinic_id, prescription_id) REFERENCES prescriptions (clinic_id, id);
ALTER TABLE invoices ADD CONSTRAINT invoices_owner_fkey FOREIGN KEY (clinic_id, owner_id) REFERENCES users (clinic_id, id);
ALTER TABLE orders ADD CONSTRAINT orders_owner_fkey FOREIGN KEY (clinic_id, owner_id) REFERENCES users (clinic_id, id);
ALTER TABLE order_items
    ADD CONSTRAINT order_items_order_fkey FOREIGN KEY (clinic_id, order_id) REFERENCES orders (clinic_id, id),
    ADD CONSTRAINT order_items_product_fkey FOREIGN KEY (clinic_id, product_id) REFERENCES products (clinic_id, id);
ALTER TABLE payments
    ADD CONSTRAINT payments_order_fkey FOREIGN KEY (clinic_id, order_id) REFERENCES orders (clinic_id, id),
    ADD CONSTRAINT payments_invoice_fkey FOREIGN KEY (clinic_id, invoice_id) REFERENCES invoices (clinic_id, id);

-- The sub-select makes the tenant an InitPlan, evaluated once per statement; nullif, because a setting that was set
-- in an earlier transaction of the connection is left as an empty string, not as null.
ALTER TABLE clinics ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON clinics TO clinic_app
    USING (id = (SELECT nullif(current_setting('app.clinic_id', true), '')::bigint));
DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY[
        'users', 'pets', 'services', 'products', 'appointments', 'medical_records', 'prescriptions', 'prescription_files', 'invoices',
        'orders', 'order_items', 'payments'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO clinic_app USING (clinic_id = %2$s) WITH CHECK (clinic_id = %2$s)',
            tenant_table, '(SELECT nullif(current_setting(''app.clinic_id'', true), '''')::bigint)'
        );
    END LOOP;
END
$$;

-- The two look-ups that happen before a tenant is known.
CREATE FUNCTION login_by_email(wanted text, OUT id bigint, OUT clinic_id bigint, OUT role text, OUT password_hash text, OUT clinic text)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
        SELECT u.id, u.clinic_id, u.role, u.password_hash, c.slug
        FROM users u JOIN clinics c ON c.id = u.clinic_id WHERE u.email = wanted
    $$;
CREATE FUNCTION clinic_by_slug(wanted text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT c.id FROM clinics c WHERE c.slug = wanted $$;
REVOKE ALL ON FUNCTION login_by_email(text), clinic_by_slug(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION login_by_email(text), clinic_by_slug(text) TO clinic_app;

GRANT USAGE ON SCHEMA public TO clinic_app;
GRANT SELECT ON clinics, pets, services, products, appointments, medical_records, prescriptions, prescription_files, invoices, orders,
    order_items, payments TO clinic_app;
-- Not the password hash: that leaves the database through login_by_email alone.
GRANT SELECT (id, clinic_id, email, full_name, first_key, last_key, role, created_at) ON users TO clinic_app;
GRANT INSERT, UPDATE ON appointments, orders TO clinic_app;
GRANT INSERT ON order_items, payments, medical_records, prescriptions, prescription_files TO clinic_app;
GRANT UPDATE (status) ON invoices TO clinic_app;
GRANT UPDATE (stock, reserved) ON products TO clinic_app;
