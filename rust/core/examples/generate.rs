//! `generate SPEC TENANTS SEED`: computes and encodes every row of a dataset on one core, writes nothing, and prints rows and seconds.

use std::io::Write;
use std::time::Instant;

use tenantry_core::population::{Block, Population, encode};

fn main() -> Result<(), String> {
    let line = run(&std::env::args().skip(1).collect::<Vec<_>>())?;
    writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())
}

fn run(arguments: &[String]) -> Result<String, String> {
    let [spec, tenants, seed] = arguments else {
        return Err("generate SPEC TENANTS SEED".to_owned());
    };
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    let spec = std::fs::read_to_string(spec).map_err(|error| error.to_string())?;
    let population = Population::from_json(&spec, number(tenants)?, number(seed)?).map_err(|faults| faults.to_string())?;
    let (mut block, mut out) = (Block::default(), Vec::new());
    let (mut rows, mut bytes, begin) = (0, 0, Instant::now());
    for table in population.tables() {
        let end = table.rows(population.tenants());
        for start in (0..end).step_by(table.block_rows() as usize) {
            block.fill(&population, table, start..end.min(start + table.block_rows())).map_err(|fault| fault.to_string())?;
            out.clear();
            encode(&population, table, &block, &mut out);
            bytes += out.len();
        }
        rows += end;
    }
    Ok(format!("{rows} {bytes} {}", begin.elapsed().as_secs_f64()))
}
