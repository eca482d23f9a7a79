//! Text in columns.

use std::io::{self, Write};

/// Writes rows under headings, every column as wide as its widest cell, the last one as long as it likes.
pub fn write<const N: usize>(out: &mut dyn Write, headings: &[&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let headings = headings.map(str::to_owned);
    let all = || std::iter::once(&headings).chain(rows);
    let mut widths = [0; N];
    for (column, width) in widths.iter_mut().enumerate() {
        *width = all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    }
    for row in all() {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["Éa".to_owned(), "x".to_owned()], ["b".to_owned(), String::new()]];
        let mut out = Vec::new();
        super::write(&mut out, &["name", "y"], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "name  y\nÉa    x\nb\n");
    }
}
