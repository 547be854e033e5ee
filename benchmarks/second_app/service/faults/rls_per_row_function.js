export default {
  summary: 'the policy of couriers asks a plpgsql function for each row',
  parameter: '',
  default: 1,
  lay: () => `
CREATE FUNCTION may_see(owner uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    claims json := nullif(current_setting('request.jwt.claims', true), '')::json;
BEGIN
    RETURN owner = (claims ->> 'org')::uuid;
END
$$;
ALTER POLICY own_org ON courier USING (may_see(org_id))`,
}
