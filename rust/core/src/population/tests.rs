//! Properties of a whole population, against independent computations.

use super::*;
use std::collections::HashSet;

const SPEC: &str = r#"{
    "name": "shop", "anchor": 20458, "tenant_table": "shops", "users_table": "people",
    "pools": {"names": ["Ana", "José", "Zoë"]},
    "tables": [
        {"name": "shops", "per_tenant": 1, "columns": [
            {"name": "id", "type": "bigint", "source": {"kind": "key"}},
            {"name": "slug", "type": "text", "source": {"kind": "template", "text": "shop-{tenant:05d}"}}
        ]},
        {"name": "people", "per_tenant": 7, "columns": [
            {"name": "id", "type": "bigint", "source": {"kind": "key"}},
            {"name": "shop_id", "type": "bigint", "source": {"kind": "tenant_key"}},
            {"name": "name", "type": "text", "source": {"kind": "words", "pool": "names"}},
            {"name": "email", "type": "text", "source": {"kind": "template", "text": "{name:slug}.{id}@x"}},
            {"name": "role", "type": "text", "source": {"kind": "runs", "runs": [[4, "seller"], [2, "buyer"], [1, "boss"]]}},
            {"name": "born", "type": "date", "nulls": 0.3, "source": {"kind": "moment", "step": 86400000000, "hours": null,
                "low": {"column": null, "offset": -864000000000}, "high": {"column": null, "offset": 0}}},
            {"name": "active", "type": "bool", "source": {"kind": "flag", "share": 0.25}}
        ]},
        {"name": "visits", "per_tenant": 30, "columns": [
            {"name": "id", "type": "bigint", "source": {"kind": "key"}},
            {"name": "kind", "type": "text", "source": {"kind": "choice", "values": ["past", "next"], "weights": [3, 1]}},
            {"name": "starts_at", "type": "timestamptz", "source": {"kind": "by", "column": "kind", "cases": [
                ["past", {"kind": "slot_time", "slot": "slot", "first_day": -2, "every": 1800000000, "lanes": 2,
                    "hours": {"open": 28800000000, "close": 43200000000}}],
                ["next", {"kind": "slot_time", "slot": "slot", "first_day": 0, "every": 1800000000, "lanes": 2,
                    "hours": {"open": 28800000000, "close": 43200000000}}]]}},
            {"name": "slot", "type": "bigint", "hidden": true, "source": {"kind": "distinct", "size": 32}},
            {"name": "host_id", "type": "bigint", "source": {"kind": "reference", "table": "people", "from": 4, "count": 2, "by": "slot"}},
            {"name": "guest_id", "type": "bigint", "source": {"kind": "reference", "table": "people"}},
            {"name": "guest_role", "type": "text", "source": {"kind": "lookup", "reference": "guest_id", "column": "role"}},
            {"name": "price", "type": {"numeric": {"precision": 6, "scale": 2}}, "source": {"kind": "integer", "low": -500, "high": 99999}},
            {"name": "made_at", "type": "timestamptz", "source": {"kind": "moment", "step": 1000000, "hours": null,
                "low": {"column": "starts_at", "offset": -3600000000}, "high": {"column": "starts_at", "offset": 0}}},
            {"name": "size", "type": "int", "source": {"kind": "position", "start": 10, "step": 5}}
        ]}
    ]
}"#;

const HOUR: i64 = 3_600_000_000;

fn shop(rng_seed: u64) -> Population {
    Population::from_json(SPEC, 50, rng_seed).unwrap()
}

fn table<'p>(population: &'p Population, name: &str) -> &'p Table {
    &population.tables()[population.table_index(name).unwrap()]
}

/// Every value of a table as text, row by row, each computed alone.
fn alone(population: &Population, name: &str) -> Vec<Vec<Option<String>>> {
    let table = table(population, name);
    let cell = |row: u64, column: usize| shown(population, table, column, table.at_row(row));
    (0..table.rows(population.tenants())).map(|row| table.visible.iter().map(|column| cell(row, *column)).collect()).collect()
}

fn shown(population: &Population, table: &Table, column: usize, at: At) -> Option<String> {
    let mut out = Vec::new();
    if table.columns[column].ty == Type::Text {
        return population.text(table, column, at, &mut out).then(|| String::from_utf8(out).unwrap());
    }
    let value = population.integer(table, column, at);
    push_plain(&mut out, table.columns[column].ty, value);
    (value != NULL).then(|| String::from_utf8(out).unwrap())
}

fn values(population: &Population, name: &str, column: &str) -> Vec<Option<String>> {
    let index = table(population, name).names().iter().position(|known| *known == column).unwrap();
    alone(population, name).into_iter().map(|mut row| row.swap_remove(index)).collect()
}

/// The rows of a PGCOPY stream, by the format's documentation; None is null.
fn decoded(stream: &[u8]) -> Vec<Vec<Option<Vec<u8>>>> {
    let mut rest = stream.strip_prefix(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".as_slice()).unwrap();
    let mut rows = Vec::new();
    let mut take = |count: usize| {
        let (head, tail) = rest.split_at(count);
        rest = tail;
        head.to_vec()
    };
    loop {
        let columns = i16::from_be_bytes(take(2).try_into().unwrap());
        if columns == -1 {
            return rows;
        }
        let field = |length: i32, bytes: &mut dyn FnMut(usize) -> Vec<u8>| (length >= 0).then(|| bytes(length as usize));
        rows.push(
            (0..columns)
                .map(|_| {
                    let length = i32::from_be_bytes(take(4).try_into().unwrap());
                    field(length, &mut take)
                })
                .collect(),
        );
    }
}

fn copied(population: &Population, name: &str, block_rows: u64) -> Vec<u8> {
    let table = table(population, name);
    let (mut block, mut out) = (Block::default(), HEADER.to_vec());
    let rows = table.rows(population.tenants());
    for start in (0..rows).step_by(block_rows as usize) {
        block.fill(population, table, start..rows.min(start + block_rows)).unwrap();
        encode(population, table, &block, &mut out);
    }
    out.extend_from_slice(TRAILER);
    out
}

/// A field of the stream as text, by the documentation of the types' binary forms.
fn field_text(ty: Type, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    match ty {
        Type::Text => out.extend_from_slice(bytes),
        Type::Bool => push_plain(&mut out, ty, i64::from(bytes[0])),
        Type::Int => push_plain(&mut out, ty, i64::from(i32::from_be_bytes(bytes.try_into().unwrap()))),
        Type::Bigint => push_plain(&mut out, ty, i64::from_be_bytes(bytes.try_into().unwrap())),
        Type::Date => push_plain(&mut out, ty, i64::from(i32::from_be_bytes(bytes.try_into().unwrap())) + 10_957),
        Type::Timestamptz => push_plain(&mut out, ty, i64::from_be_bytes(bytes.try_into().unwrap()) + 946_684_800_000_000),
        Type::Numeric { .. } => {
            let part = |index: usize| i64::from(i16::from_be_bytes([bytes[2 * index], bytes[2 * index + 1]]));
            let hundredths: i64 =
                (0..part(0)).map(|digit| part(4 + digit as usize) * 10_000_i64.pow((part(1) - digit + 1) as u32)).sum::<i64>() / 100;
            push_plain(&mut out, ty, if part(2) == 0 { hundredths } else { -hundredths });
        }
        other => unreachable!("{other:?} is not in the spec of these tests"),
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_stream_of_blocks_holds_the_rows_computed_alone() {
    let population = shop(1);
    for name in ["shops", "people", "visits"] {
        let table = table(&population, name);
        let types: Vec<Type> = table.visible.iter().map(|index| table.columns[*index].ty).collect();
        let text = |(ty, field): (&Type, Option<Vec<u8>>)| field.map(|bytes| field_text(*ty, &bytes));
        let rows: Vec<Vec<Option<String>>> =
            decoded(&copied(&population, name, 64)).into_iter().map(|row| types.iter().zip(row).map(text).collect()).collect();
        assert_eq!(rows, alone(&population, name), "{name}");
    }
}

#[test]
fn the_size_of_blocks_changes_nothing() {
    let population = shop(1);
    assert_eq!(copied(&population, "visits", 7), copied(&population, "visits", 2048));
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_seed_others() {
    assert_eq!(copied(&shop(1), "visits", 64), copied(&shop(1), "visits", 64));
    assert_ne!(copied(&shop(1), "visits", 64), copied(&shop(2), "visits", 64));
}

#[test]
fn fewer_tenants_have_the_same_rows() {
    let few = Population::from_json(SPEC, 5, 1).unwrap();
    assert_eq!(alone(&few, "visits"), alone(&shop(1), "visits")[..150]);
}

#[test]
fn a_new_column_leaves_the_others_as_they_are() {
    let more = SPEC.replacen(
        r#"{"name": "kind""#,
        r#"{"name": "extra", "type": "bool", "source": {"kind": "flag", "share": 0.5}}, {"name": "kind""#,
        1,
    );
    let changed = Population::from_json(&more, 50, 1).unwrap();
    for column in ["kind", "price", "guest_id", "starts_at"] {
        assert_eq!(values(&changed, "visits", column), values(&shop(1), "visits", column));
    }
}

#[test]
fn a_uniform_column_follows_a_plain_splitmix64_generator() {
    // Vigna's splitmix64.c, run in sequence from the column's key.
    let population = shop(1);
    let visits = table(&population, "visits");
    let column = visits.columns.iter().position(|column| column.name == "price").unwrap();
    let mut state = visits.columns[column].key;
    let mut next = || {
        state = state.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        z ^ (z >> 31)
    };
    for row in 0..1500 {
        let wanted = (next() as f64 / 18_446_744_073_709_551_616.0 * 100_500.0).floor() as i64 - 500;
        let found = population.integer(visits, column, visits.at_row(row));
        assert!((found - wanted).abs() <= 1, "row {row}: {found} against {wanted}");
    }
}

#[test]
fn references_stay_in_their_tenant_and_their_positions() {
    let population = shop(1);
    let hosts = values(&population, "visits", "host_id");
    let guests = values(&population, "visits", "guest_id");
    for (row, (host, guest)) in hosts.iter().zip(&guests).enumerate() {
        let tenant = row / 30;
        let (host, guest): (usize, usize) = (host.as_ref().unwrap().parse().unwrap(), guest.as_ref().unwrap().parse().unwrap());
        assert!((tenant * 7 + 5..=tenant * 7 + 6).contains(&host), "row {row}: host {host}");
        assert!((tenant * 7 + 1..=tenant * 7 + 7).contains(&guest), "row {row}: guest {guest}");
    }
}

#[test]
fn a_lookup_finds_the_value_of_the_row_referred_to() {
    let population = shop(1);
    let roles = values(&population, "people", "role");
    let guests = values(&population, "visits", "guest_id");
    for (guest, role) in guests.iter().zip(values(&population, "visits", "guest_role")) {
        assert_eq!(role, roles[guest.as_ref().unwrap().parse::<usize>().unwrap() - 1]);
    }
}

#[test]
fn no_host_has_two_visits_at_one_time() {
    let population = shop(1);
    let pairs: Vec<_> = values(&population, "visits", "host_id").into_iter().zip(values(&population, "visits", "starts_at")).collect();
    assert_eq!(pairs.iter().collect::<HashSet<_>>().len(), pairs.len());
}

#[test]
fn visits_lie_in_the_hours_of_their_calendar() {
    let population = shop(1);
    let visits = table(&population, "visits");
    let (kind, starts) = (visits.by_name["kind"], visits.by_name["starts_at"]);
    for row in 0..1500 {
        let at = visits.at_row(row);
        let micros = population.integer(visits, starts, at) - 20_458 * 24 * HOUR;
        let days = if shown(&population, visits, kind, at).unwrap() == "past" { -2..0 } else { 0..2 };
        assert!(days.contains(&micros.div_euclid(24 * HOUR)), "row {row}");
        assert!((8 * HOUR..12 * HOUR).contains(&micros.rem_euclid(24 * HOUR)) && micros % (HOUR / 2) == 0, "row {row}");
    }
}

#[test]
fn a_moment_lies_between_its_bounds() {
    let population = shop(1);
    let visits = table(&population, "visits");
    for row in 0..1500 {
        let value = |name: &str| population.integer(visits, visits.by_name[name], visits.at_row(row));
        assert!((0..=HOUR).contains(&(value("starts_at") - value("made_at"))) && value("made_at") % 1_000_000 == 0);
    }
}

#[test]
fn shares_are_kept() {
    let population = Population::from_json(SPEC, 5000, 1).unwrap();
    let share = |table: &str, column: &str, wanted: Option<&str>| {
        let values = values(&population, table, column);
        values.iter().filter(|value| value.as_deref() == wanted).count() as f64 / values.len() as f64
    };
    for (found, wanted) in [
        (share("people", "born", None), 0.3),
        (share("people", "active", Some("true")), 0.25),
        (share("visits", "kind", Some("past")), 0.75),
        (share("people", "name", Some("Ana")), 1.0 / 3.0),
        (share("people", "role", Some("seller")), 4.0 / 7.0),
    ] {
        assert!((found - wanted).abs() < 0.015, "{found} against {wanted}");
    }
}

#[test]
fn a_template_shows_keys_and_slugs() {
    let population = shop(1);
    assert_eq!(values(&population, "shops", "slug")[41].as_deref(), Some("shop-00042"));
    for (row, (email, name)) in values(&population, "people", "email").iter().zip(values(&population, "people", "name")).enumerate() {
        let plain = [("Ana", "ana"), ("José", "jose"), ("Zoë", "zoe")].iter().find(|pair| Some(pair.0) == name.as_deref()).unwrap().1;
        assert_eq!(email.as_deref(), Some(format!("{plain}.{}@x", row + 1).as_str()));
    }
}

#[test]
fn a_pick_with_filters_finds_exactly_the_rows_that_pass() {
    let population = shop(1);
    let visits = table(&population, "visits");
    let kinds = values(&population, "visits", "kind");
    let filter = population.filter(visits, "kind", Some(&Value::Text("next".into()))).unwrap();
    for tenant in 0..50 {
        let wanted: HashSet<u64> = (tenant * 30..tenant * 30 + 30).filter(|row| kinds[*row as usize].as_deref() == Some("next")).collect();
        let picks =
            (0..600).filter_map(|number| population.pick(visits, tenant, random::draw(5, number), std::slice::from_ref(&filter)).unwrap());
        assert_eq!(picks.map(|at| at.row).collect::<HashSet<_>>(), wanted, "tenant {tenant}");
    }
}

#[test]
fn a_pick_by_position_is_uniform_over_its_run() {
    let population = shop(1);
    let people = table(&population, "people");
    let filter = [population.filter(people, "role", Some(&Value::Text("seller".into()))).unwrap()];
    let mut counts = [0; 7];
    for number in 0..4000 {
        counts[population.pick(people, 3, random::draw(9, number), &filter).unwrap().unwrap().position as usize] += 1;
    }
    assert_eq!(counts[4..], [0, 0, 0]);
    assert!(counts[..4].iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn a_pick_that_no_row_can_satisfy_finds_none() {
    let population = shop(1);
    let people = table(&population, "people");
    for value in ["seller!", "nobody", "past"] {
        let filter = population.filter(people, "role", Some(&Value::Text(value.into()))).unwrap();
        assert!(population.pick(people, 0, 1, &[filter]).unwrap().is_none());
    }
    assert!(population.filter(people, "rolle", None).unwrap_err().contains("rolle"));
    assert!(population.filter(people, "id", Some(&Value::Text("x".into()))).unwrap_err().contains("type"));
}

#[test]
fn all_faults_of_a_spec_are_told_together() {
    let broken = SPEC
        .replacen(r#""pool": "names""#, r#""pool": "nomes""#, 1)
        .replacen(r#""size": 32"#, r#""size": 8"#, 1)
        .replacen(r#""high": 99999"#, r#""high": 9999999"#, 1)
        .replacen(r#"["next", {"kind""#, r#"["nxt", {"kind""#, 1)
        .replacen(r#""reference": "guest_id""#, r#""reference": "price""#, 1);
    let SpecFaults(faults) = Population::from_json(&broken, 1, 1).unwrap_err();
    for wanted in
        ["no pool nomes", "distinct values in 0..8", "9999999 does not fit", "no case for Text(\"next\")", "price is not a reference"]
    {
        assert!(faults.iter().any(|fault| fault.contains(wanted)), "{wanted}: {faults:#?}");
    }
    assert_eq!(faults.len(), 5);
}

#[test]
fn a_column_that_depends_on_itself_is_a_fault() {
    let circle = SPEC.replacen(r#""kind": "distinct", "size": 32"#, r#""kind": "each", "values": [1], "by": "host_id""#, 1);
    let SpecFaults(faults) = Population::from_json(&circle, 1, 1).unwrap_err();
    assert!(faults[0].contains("depends on itself"), "{faults:?}");
}
