//! The form in which a plan stands in a program: one text constant.
//!
//! The compiler takes a constant of 2 kB as it is, where the same data as nested structures cost it
//! twenty times as long. Reading it back copies no text: what is read points into the constant. Text is
//! written with its length before it (as D. J. Bernstein's netstrings are), so that it may contain anything.
//!
//! Written and read by one version of this library only: the macro and the runtime are of one release.

use std::fmt::Write;

use crate::lens::{Context, Conversion, Lens, Shape};
use crate::plan::{Bounded, Declared, Outline, Planned, Routine, Side, Table, Text};
use crate::step::{LockMode, Step, StepKind, SyncChange, Work};
use crate::types::Image;

/// What a plan's outline does not say of it, as a text constant.
pub fn encode(plan: &Planned) -> String {
    let Planned { name: _, stage: _, declaration: _, functions, tables, steps } = plan;
    let mut out = String::new();
    functions.write(&mut out);
    tables.write(&mut out);
    steps.write(&mut out);
    out
}

/// The plan of an outline and a text constant; nothing where the text is none.
pub(crate) fn decode(outline: &Outline, data: &'static str) -> Option<Planned> {
    let mut reader = Reader { rest: data };
    let (functions, tables) = (Code::read(&mut reader)?, Code::read(&mut reader)?);
    let steps = Code::read(&mut reader)?;
    let Outline { name, stage, declaration, digest: _, tables: _ } = *outline;
    let plan = Planned { name: name.into(), stage, declaration: declaration.into(), functions, tables, steps };
    reader.rest.is_empty().then_some(plan)
}

/// What is left to be read.
struct Reader {
    rest: &'static str,
}

impl Reader {
    /// What stands before the next `end`, which is passed over.
    fn until(&mut self, end: char) -> Option<&'static str> {
        let (head, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(head)
    }

    fn take(&mut self, bytes: usize) -> Option<&'static str> {
        let (head, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(head)
    }
}

/// What can be written and read again.
trait Code: Sized {
    fn write(&self, out: &mut String);
    fn read(from: &mut Reader) -> Option<Self>;
}

impl Code for usize {
    fn write(&self, out: &mut String) {
        let _ = write!(out, "{self};");
    }

    fn read(from: &mut Reader) -> Option<usize> {
        from.until(';')?.parse().ok()
    }
}

impl Code for bool {
    fn write(&self, out: &mut String) {
        out.push(if *self { 'y' } else { 'n' });
    }

    fn read(from: &mut Reader) -> Option<bool> {
        match from.take(1)? {
            "y" => Some(true),
            "n" => Some(false),
            _ => None,
        }
    }
}

impl Code for Text {
    fn write(&self, out: &mut String) {
        let _ = write!(out, "{}:{self}", self.len());
    }

    fn read(from: &mut Reader) -> Option<Text> {
        let length = from.until(':')?.parse().ok()?;
        from.take(length).map(Text::Borrowed)
    }
}

impl<T: Code> Code for Option<T> {
    fn write(&self, out: &mut String) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut Reader) -> Option<Option<T>> {
        if bool::read(from)? { T::read(from).map(Some) } else { Some(None) }
    }
}

impl<T: Code> Code for Vec<T> {
    fn write(&self, out: &mut String) {
        self.len().write(out);
        self.iter().for_each(|item| item.write(out));
    }

    fn read(from: &mut Reader) -> Option<Vec<T>> {
        let length = usize::read(from)?;
        (0..length).map(|_| T::read(from)).collect()
    }
}

/// A structure by its fields. A field that is forgotten here does not compile.
macro_rules! code_fields {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Code for $name {
            fn write(&self, out: &mut String) {
                let $name { $($field),* } = self;
                $($field.write(out);)*
            }

            fn read(from: &mut Reader) -> Option<$name> {
                Some($name { $($field: Code::read(from)?),* })
            }
        }
    )*};
}

code_fields! {
    Routine { schema, name, arguments, result, strict }
    Table { schema, name, columns, lenses, bounds }
    Bounded { column, bound, outside }
    Declared { name, ty, not_null, default }
    Lens { old, new, context, up, down, comes_back, conflicts }
    Shape { column, ty, base, image, not_null, default }
    Context { column, base, image }
    Conversion { function, expression, arguments, can_fail }
    Step { kind, table, work, undo }
}

/// An enumeration without data, by a letter for each variant. One that is forgotten here does not compile.
macro_rules! code_variants {
    ($($name:ident { $($variant:ident = $letter:literal),* })*) => {$(
        impl Code for $name {
            fn write(&self, out: &mut String) {
                out.push_str(match self { $($name::$variant => $letter),* });
            }

            fn read(from: &mut Reader) -> Option<$name> {
                Some(match from.take(1)? { $($letter => $name::$variant,)* _ => return None })
            }
        }
    )*};
}

code_variants! {
    Side { Old = "o", New = "n" }
    StepKind {
        Expand = "e", Backfill = "b", Require = "r", Prove = "p", NotNull = "n", Verify = "v", Switch = "s",
        Retire = "t", Drop = "d"
    }
    SyncChange {
        Keep = "k", Install = "i", Tighten = "t", Loosen = "l", Remove = "r", Retire = "e", Unretire = "u"
    }
    LockMode { AccessShare = "s", RowExclusive = "r", ShareUpdateExclusive = "u", AccessExclusive = "x" }
}

impl Code for Image {
    fn write(&self, out: &mut String) {
        out.push_str(match self {
            Image::Plain => "p",
            Image::Collated => "c",
            Image::Text => "t",
            Image::Send(_) => "s",
        });
        if let Image::Send(function) = self {
            Text::from(*function).write(out);
        }
    }

    fn read(from: &mut Reader) -> Option<Image> {
        Some(match from.take(1)? {
            "p" => Image::Plain,
            "c" => Image::Collated,
            "t" => Image::Text,
            "s" => {
                let length = from.until(':')?.parse().ok()?;
                Image::Send(from.take(length)?)
            }
            _ => return None,
        })
    }
}

impl Code for Work {
    fn write(&self, out: &mut String) {
        match self {
            Work::Nothing => out.push('-'),
            Work::Transaction { table, lock, sync, statements } => {
                out.push('t');
                table.write(out);
                lock.write(out);
                sync.write(out);
                statements.write(out);
            }
            Work::Statement(sql) => {
                out.push('s');
                sql.write(out);
            }
            Work::Backfill { table } => {
                out.push('b');
                table.write(out);
            }
            Work::Verify { table } => {
                out.push('v');
                table.write(out);
            }
            Work::Authority(side) => {
                out.push('a');
                side.write(out);
            }
        }
    }

    fn read(from: &mut Reader) -> Option<Work> {
        Some(match from.take(1)? {
            "-" => Work::Nothing,
            "t" => Work::Transaction {
                table: Code::read(from)?,
                lock: Code::read(from)?,
                sync: Code::read(from)?,
                statements: Code::read(from)?,
            },
            "s" => Work::Statement(Code::read(from)?),
            "b" => Work::Backfill { table: Code::read(from)? },
            "v" => Work::Verify { table: Code::read(from)? },
            "a" => Work::Authority(Code::read(from)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declaration::{Change, Column, Declaration, Name, Table as DeclaredTable};
    use crate::expr::{Expr, Kind};
    use crate::plan::Stage;
    use crate::types::Type;

    fn column(text: &str, ty: &str, not_null: bool) -> Column<()> {
        let name = Name { text: text.to_owned(), span: () };
        let default = not_null.then(|| Expr { span: (), kind: Kind::Text("ü';\"\n12:".to_owned()) });
        Column { name, ty: Type::named(ty), ty_span: (), not_null, default, bound: None }
    }

    fn planned() -> Planned {
        let name = |text: &str| Name { text: text.to_owned(), span: () };
        let change = |old: &str, new: &str, not_null| Change {
            old: column(old, "text", not_null),
            new: column(new, "text", not_null),
            up: None,
            down: None,
            lossy: None,
        };
        let table = |text: &str| DeclaredTable {
            schema: Some(name("größe \"x\"")),
            name: name(text),
            context: vec![column("id", "numeric", false)],
            changes: vec![change("a", "b", true), change("c", "d", false)],
        };
        let tables = vec![table("first"), table("second")];
        crate::plan(&Declaration {
            name: name("both"),
            stage: Stage::Switch,
            functions: Vec::new(),
            lost_function: false,
            tables,
        })
    }

    fn read(data: &str) -> Option<Planned> {
        let declaration = Box::leak(planned().declaration.into_owned().into_boxed_str());
        let outline = Outline { name: "both", stage: Stage::Switch, declaration, digest: 0, tables: &[] };
        decode(&outline, Box::leak(data.to_owned().into_boxed_str()))
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let planned = planned();
        assert_eq!(read(&encode(&planned)), Some(planned));
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_no_plan() {
        let data = encode(&planned());
        for end in (0..data.len()).filter(|end| data.is_char_boundary(*end)) {
            assert_eq!(read(&data[..end]), None, "cut at {end}");
        }
        assert_eq!(read(&format!("{data}0")), None);
    }
}
