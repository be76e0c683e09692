//! The dashboard's types of all answers and events, read off the structs that write them.
//!
//! Sources are parsed rather than answers looked at, so that what may be absent or `null` is known from the code. Stored
//! answers are then held against what was read, for the few parts that are written by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syn::{Attribute, Fields, GenericArgument, ImplItem, Item, Meta, PathArguments, Stmt, Type};

/// Where answers are written, with names for structs that are called alike elsewhere.
const SOURCES: [(&str, &[(&str, &str)]); 12] = [
    (
        "../agentops-core/src/model/json.rs",
        &[
            ("PartView", "ContentPart"),
            ("LinkView", "SpanLink"),
            ("CostView", "CallCost"),
            ("ErrorView", "SpanError"),
        ],
    ),
    (
        "src/api/answer.rs",
        &[("CostAnswer", "TotalCost"), ("MetricsAnswer", "Metrics")],
    ),
    ("src/api/error.rs", &[("ErrorAnswer", "Refused")]),
    ("src/api/short.rs", &[]),
    ("src/query.rs", &[]),
    ("src/query/blame.rs", &[]),
    ("src/query/blame/cache.rs", &[]),
    (
        "src/query/context.rs",
        &[("Growth", "ContextGrowth"), ("Sent", "ContextCall")],
    ),
    (
        "src/query/critical.rs",
        &[("Segment", "CriticalSegment"), ("Part", "CriticalSpan")],
    ),
    ("src/query/loops.rs", &[("View", "Loop")]),
    ("src/query/skeleton.rs", &[]),
    ("src/query/verdict/view.rs", &[("View", "Verdict")]),
];

/// Money, in a file whose struct stands inside of what writes it.
const MONEY: &str = "src/query/money.rs";

/// Where words stand that a text may be.
const WORDS: [&str; 3] = [
    "../agentops-core/src/model/session.rs",
    "../agentops-core/src/model/span.rs",
    "src/query/verdict.rs",
];

/// What is written by hand, or stands for what a generic answer has.
const BY_HAND: [(&str, &str); 14] = [
    ("Usd", "number"),
    ("Millis", "number"),
    ("Value", "Json"),
    ("SpansView", "Span[]"),
    ("LogAnswer", "Log"),
    ("Refusal", "ProviderError"),
    ("SessionList.S", "Session"),
    ("Changes.S", "Session"),
    ("LogList.L", "SpanLog"),
    ("ShortSpan.S", "Span"),
    ("SpanLog.L", "Log"),
    ("Tool.status", "\"executing\" | \"failed\" | \"succeeded\""),
    ("ContentPart.type", "string"),
    ("Quote.Value", "Prices"),
];

/// Texts that are one of a few words, by the enum that has them.
const ENUMS: [(&str, &str); 7] = [
    (".kind", "SpanKind"),
    ("Session.state", "SessionState"),
    ("Session.end_state", "EndState"),
    ("Span.status", "Status"),
    ("SpanRow.status", "Status"),
    ("Log.level", "Level"),
    ("Verdict.severity", "Severity"),
];

/// What a struct writes.
#[derive(Debug)]
enum Shape {
    Fields(Vec<Field>),
    /// An untagged enum: as one of these.
    Any(Vec<Shape>),
    Plain(Kind),
}

#[derive(Debug)]
struct Field {
    name: String,
    doc: String,
    optional: bool,
    flat: bool,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Text,
    Number,
    Flag,
    Json,
    List(Box<Kind>),
    Map(Box<Kind>),
    Nullable(Box<Kind>),
    /// One of these words, and what they are called together.
    Words(String),
    Literals(String),
    Named(String),
}

#[derive(Debug, Default)]
struct Types {
    shapes: BTreeMap<String, (String, Shape)>,
    words: BTreeMap<String, Vec<String>>,
}

fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn parse(of: &str) -> syn::File {
    let text = fs::read_to_string(path(of)).expect("a source");
    syn::parse_file(&text).expect("Rust")
}

/// Structs that are written as they stand, and for whom: those within a function are its type's.
fn written(items: &[Item]) -> Vec<(String, &Item)> {
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Struct(of) if derives(&of.attrs) => found.push((of.ident.to_string(), item)),
            Item::Enum(of) if derives(&of.attrs) => found.push((of.ident.to_string(), item)),
            Item::Impl(of) => {
                let Type::Path(owner) = &*of.self_ty else {
                    continue;
                };
                let owner = owner
                    .path
                    .segments
                    .last()
                    .expect("a name")
                    .ident
                    .to_string();
                for item in &of.items {
                    let ImplItem::Fn(function) = item else {
                        continue;
                    };
                    let inner = function.block.stmts.iter().filter_map(|stmt| match stmt {
                        Stmt::Item(item @ Item::Struct(of)) if derives(&of.attrs) => Some(item),
                        _ => None,
                    });
                    found.extend(inner.map(|item| (owner.clone(), item)));
                }
            }
            _ => {}
        }
    }
    found
}

fn derives(attrs: &[Attribute]) -> bool {
    let mut found = false;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("derive")) {
        attr.parse_nested_meta(|meta| {
            found |= meta.path.is_ident("Serialize");
            Ok(())
        })
        .expect("a derive");
    }
    found
}

/// What serde is told of a field or struct; a word that is not known here changes what is written, so it fails.
fn told(attrs: &[Attribute]) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        attr.parse_nested_meta(|meta| {
            let word = meta.path.get_ident().expect("a word").to_string();
            assert!(
                ["flatten", "skip_serializing_if", "untagged"].contains(&&*word),
                "serde({word}) is not understood here"
            );
            if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::LitStr>()?;
            }
            told.insert(word);
            Ok(())
        })
        .expect("serde's words");
    }
    told
}

fn doc(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(said) if said.path.is_ident("doc") => match &said.value {
            syn::Expr::Lit(text) => match &text.lit {
                syn::Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ")
}

impl Types {
    fn read() -> Self {
        let mut types = Self::default();
        for of in WORDS {
            for item in &parse(of).items {
                types.words_of(item);
            }
        }
        let files: Vec<_> = SOURCES
            .iter()
            .map(|(of, renames)| (parse(of), *renames))
            .chain([(parse(MONEY), &[] as &[_])])
            .collect();
        // First all names: in a file its own come before those of others.
        let own: Vec<BTreeMap<String, String>> = files
            .iter()
            .map(|(file, renames)| {
                let names = written(&file.items).into_iter().map(|(name, _)| {
                    let renamed = renames.iter().find(|(from, _)| *from == name);
                    let short = || {
                        let short = name.strip_suffix("View").unwrap_or(&name);
                        short.strip_suffix("Answer").unwrap_or(short).to_owned()
                    };
                    let to = renamed.map_or_else(short, |(_, to)| (*to).to_owned());
                    (name, to)
                });
                names.collect()
            })
            .collect();
        // A view stands for what it shows, too.
        let everywhere: BTreeMap<String, String> = own
            .iter()
            .flatten()
            .flat_map(|(from, to)| [(from.clone(), to.clone()), (to.clone(), to.clone())])
            .collect();
        for ((file, _), own) in files.iter().zip(&own) {
            let names = |name: &str| own.get(name).or_else(|| everywhere.get(name)).cloned();
            for (rust, item) in written(&file.items) {
                let name = &own[&rust];
                let (attrs, shape) = match item {
                    Item::Struct(of) => (&of.attrs, types.shape(name, &of.fields, &names)),
                    Item::Enum(of) => {
                        assert!(told(&of.attrs).contains("untagged"), "{name}");
                        let variants = of.variants.iter();
                        let any = variants.map(|of| types.shape(name, &of.fields, &names));
                        (&of.attrs, Shape::Any(any.collect()))
                    }
                    _ => unreachable!("only those are written"),
                };
                let before = types.shapes.insert(name.clone(), (doc(attrs), shape));
                assert!(
                    before.is_none(),
                    "two structs are called {name}: name one of them in SOURCES"
                );
            }
        }
        types
    }

    /// The words of an enum's `as_str`.
    fn words_of(&mut self, item: &Item) {
        let Item::Impl(of) = item else { return };
        let Type::Path(owner) = &*of.self_ty else {
            return;
        };
        for item in &of.items {
            let ImplItem::Fn(function) = item else {
                continue;
            };
            if function.sig.ident != "as_str" {
                continue;
            }
            let [Stmt::Expr(syn::Expr::Match(all), None)] = &function.block.stmts[..] else {
                continue;
            };
            let words = all.arms.iter().filter_map(|arm| match &*arm.body {
                syn::Expr::Lit(text) => match &text.lit {
                    syn::Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            });
            let owner = owner
                .path
                .segments
                .last()
                .expect("a name")
                .ident
                .to_string();
            self.words.insert(owner, words.collect());
        }
    }

    fn shape(&self, of: &str, fields: &Fields, names: &dyn Fn(&str) -> Option<String>) -> Shape {
        let Fields::Named(fields) = fields else {
            let field = fields.iter().next().expect("something is written");
            return Shape::Plain(self.kind(of, "0", &field.ty, names));
        };
        let fields = fields.named.iter().map(|field| {
            let name = field.ident.as_ref().expect("a name").to_string();
            let name = name.strip_prefix("r#").unwrap_or(&name).to_owned();
            let told = told(&field.attrs);
            let optional = told.contains("skip_serializing_if");
            let kind = match self.kind(of, &name, &field.ty, names) {
                Kind::Nullable(kind) if optional => *kind,
                kind => kind,
            };
            Field {
                doc: doc(&field.attrs),
                flat: told.contains("flatten"),
                optional,
                kind,
                name,
            }
        });
        Shape::Fields(fields.collect())
    }

    fn kind(
        &self,
        of: &str,
        field: &str,
        ty: &Type,
        names: &dyn Fn(&str) -> Option<String>,
    ) -> Kind {
        let kind = |ty| Box::new(self.kind(of, field, ty, names));
        let by_hand = |name: &str| {
            let known = BY_HAND.iter().find(|(known, _)| *known == name);
            known.map(|(_, kind)| match *kind {
                "number" => Kind::Number,
                "string" => Kind::Text,
                "Json" => Kind::Json,
                list if list.ends_with("[]") => Kind::List(Box::new(Kind::Named(
                    list.trim_end_matches("[]").to_owned(),
                ))),
                literals if literals.starts_with('"') => Kind::Literals(literals.to_owned()),
                named => Kind::Named(named.to_owned()),
            })
        };
        let segment = match ty {
            Type::Reference(inner) => return *kind(&inner.elem),
            Type::Slice(inner) => return Kind::List(kind(&inner.elem)),
            // Arrays of nothing: no element was ever written.
            Type::Array(_) => return Kind::List(Box::new(Kind::Json)),
            Type::Path(path) => path.path.segments.last().expect("a name"),
            _ => panic!("{of}.{field} is of a type that is not understood here"),
        };
        let inner: Vec<&Type> = match &segment.arguments {
            PathArguments::AngleBracketed(inner) => inner
                .args
                .iter()
                .filter_map(|inner| match inner {
                    GenericArgument::Type(ty) => Some(ty),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let name = segment.ident.to_string();
        match &*name {
            "Option" => Kind::Nullable(kind(inner[0])),
            "Vec" => Kind::List(kind(inner[0])),
            "Map" | "BTreeMap" => Kind::Map(kind(inner[1])),
            "bool" => Kind::Flag,
            "u8" | "u16" | "u32" | "u64" | "i64" | "usize" | "f64" => Kind::Number,
            "String" | "str" => by_hand(&format!("{of}.{field}")).unwrap_or_else(|| {
                let full = format!("{of}.{field}");
                let words = ENUMS.iter().find(|(known, _)| {
                    *known == full || known.starts_with('.') && full.ends_with(known)
                });
                words.map_or(Kind::Text, |(_, words)| Kind::Words((*words).to_owned()))
            }),
            _ => by_hand(&format!("{of}.{name}"))
                .or_else(|| by_hand(&name))
                .or_else(|| names(&name).map(Kind::Named))
                .unwrap_or_else(|| panic!("{of}.{field} is a {name}, which is not known here")),
        }
    }

    fn typescript(&self) -> String {
        let mut text = String::from(
            "/**\n * What the server answers: read off its own structs by a test, which writes this anew with AGENTOPS_BLESS=1.\n */\n\n\
             export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };\n",
        );
        let used: BTreeSet<&str> = ENUMS.iter().map(|(_, name)| *name).collect();
        for name in used {
            let words: Vec<String> = self.words[name]
                .iter()
                .map(|word| format!("{word:?}"))
                .collect();
            assert!(!words.is_empty(), "{name}");
            let one = words.join(" | ");
            if one.len() + name.len() + 16 <= 100 {
                writeln!(text, "\nexport type {name} = {one};").expect("memory");
            } else {
                let each: String = words.iter().map(|word| format!("\n  | {word}")).collect();
                writeln!(text, "\nexport type {name} ={each};").expect("memory");
            }
        }
        for (name, (doc, shape)) in &self.shapes {
            text.push('\n');
            if !doc.is_empty() {
                writeln!(text, "/** {doc} */").expect("memory");
            }
            match shape {
                Shape::Fields(fields) => {
                    let flat = fields.iter().filter(|field| field.flat);
                    let flat: Vec<String> = flat.map(|field| field.kind.typescript()).collect();
                    let extends = match flat.is_empty() {
                        true => String::new(),
                        false => format!(" extends {}", flat.join(", ")),
                    };
                    writeln!(text, "export interface {name}{extends} {{").expect("memory");
                    for field in fields.iter().filter(|field| !field.flat) {
                        if !field.doc.is_empty() {
                            writeln!(text, "  /** {} */", field.doc).expect("memory");
                        }
                        writeln!(text, "  {};", field.typescript()).expect("memory");
                    }
                    text.push_str("}\n");
                }
                shape => {
                    writeln!(text, "export type {name} = {};", shape.typescript()).expect("memory")
                }
            }
        }
        text
    }

    /// What of an answer is not as its type says.
    fn wrong(&self, at: &str, kind: &Kind, value: &Value, wrong: &mut Vec<String>) {
        let is = match (kind, value) {
            (Kind::Json, _) | (Kind::Nullable(_), Value::Null) => true,
            (Kind::Nullable(kind), value) => return self.wrong(at, kind, value, wrong),
            (Kind::Text, value) => value.is_string(),
            (Kind::Number, value) => value.is_number(),
            (Kind::Flag, value) => value.is_boolean(),
            (Kind::Words(name), Value::String(word)) => self.words[name].contains(word),
            (Kind::Literals(words), Value::String(word)) => words.contains(&format!("{word:?}")),
            (Kind::List(kind), Value::Array(values)) => {
                for value in values {
                    self.wrong(at, kind, value, wrong);
                }
                true
            }
            (Kind::Map(kind), Value::Object(values)) => {
                for (key, value) in values {
                    self.wrong(&format!("{at}.{key}"), kind, value, wrong);
                }
                true
            }
            (Kind::Named(name), value) => {
                return self.misshapen(at, &self.shapes[name].1, value, wrong);
            }
            _ => false,
        };
        if !is {
            wrong.push(format!("{at} is {value}, not {}", kind.typescript()));
        }
    }

    fn misshapen(&self, at: &str, shape: &Shape, value: &Value, wrong: &mut Vec<String>) {
        let fields = match shape {
            Shape::Plain(kind) => return self.wrong(at, kind, value, wrong),
            Shape::Any(shapes) => {
                let fits = shapes.iter().any(|shape| {
                    let mut wrong = Vec::new();
                    self.misshapen(at, shape, value, &mut wrong);
                    wrong.is_empty()
                });
                if !fits {
                    wrong.push(format!("{at} is {value}"));
                }
                return;
            }
            Shape::Fields(fields) => fields,
        };
        let Value::Object(values) = value else {
            wrong.push(format!("{at} is {value}"));
            return;
        };
        let mut values = values.clone();
        self.take(at, fields, &mut values, wrong);
        wrong.extend(values.keys().map(|key| format!("{at}.{key} is in no type")));
    }

    fn take(
        &self,
        at: &str,
        fields: &[Field],
        values: &mut serde_json::Map<String, Value>,
        wrong: &mut Vec<String>,
    ) {
        for field in fields {
            if field.flat {
                let Kind::Named(name) = &field.kind else {
                    panic!("{at}.{} is no struct", field.name);
                };
                if let Shape::Fields(fields) = &self.shapes[name].1 {
                    self.take(at, fields, values, wrong);
                }
                continue;
            }
            let at = format!("{at}.{}", field.name);
            match values.remove(&field.name) {
                Some(value) => self.wrong(&at, &field.kind, &value, wrong),
                None if field.optional => {}
                None => wrong.push(format!("{at} is missing")),
            }
        }
    }
}

impl Field {
    fn typescript(&self) -> String {
        let mark = if self.optional { "?" } else { "" };
        format!("{}{mark}: {}", self.name, self.kind.typescript())
    }
}

impl Shape {
    fn typescript(&self) -> String {
        match self {
            Self::Plain(kind) => kind.typescript(),
            Self::Any(shapes) => {
                let each: Vec<String> = shapes.iter().map(Self::typescript).collect();
                each.join(" | ")
            }
            Self::Fields(fields) => {
                let each: Vec<String> = fields.iter().map(Field::typescript).collect();
                format!("{{ {} }}", each.join("; "))
            }
        }
    }
}

impl Kind {
    fn typescript(&self) -> String {
        match self {
            Self::Text => "string".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Flag => "boolean".to_owned(),
            Self::Json => "Json".to_owned(),
            Self::Words(name) | Self::Literals(name) | Self::Named(name) => name.clone(),
            Self::Map(kind) => format!("{{ [key: string]: {} }}", kind.typescript()),
            Self::Nullable(kind) => format!("{} | null", kind.typescript()),
            Self::List(kind) => match **kind {
                Self::Nullable(_) | Self::Literals(_) => format!("({})[]", kind.typescript()),
                _ => format!("{}[]", kind.typescript()),
            },
        }
    }
}

#[test]
fn the_dashboards_types_are_what_the_server_writes() {
    let found = Types::read().typescript();
    let file = path("../ui/src/gen/api.ts");
    if std::env::var_os("AGENTOPS_BLESS").is_some() {
        fs::create_dir_all(file.parent().expect("a directory")).expect("it can be made");
        fs::write(&file, &found).expect("it can be written");
    }
    let stored = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == stored,
        "ui/src/gen/api.ts is stale; AGENTOPS_BLESS=1 writes it anew"
    );
}

#[test]
fn answers_are_of_these_types() {
    let types = Types::read();
    for (file, name) in [
        ("sessions.json", "SessionList"),
        ("session.json", "Session"),
        ("session-full.json", "Session"),
        ("failed-full.json", "Session"),
        ("span.json", "Span"),
        ("span-short.json", "ShortSpan"),
        ("span-failed.json", "Span"),
        ("logs.json", "LogList"),
        ("search.json", "Search"),
        ("errors.json", "ErrorList"),
        ("metrics-model.json", "Metrics"),
        ("metrics-tag.json", "Metrics"),
        ("verdict-good.json", "Insight"),
        ("verdict-bad.json", "Insight"),
        ("skeleton.json", "Skeleton"),
    ] {
        let text = fs::read_to_string(path("tests/server/answers").join(file)).expect("an answer");
        let mut answer: Value = serde_json::from_str(&text).expect("JSON");
        if answer["sequence"] == "…" {
            answer["sequence"] = 1.into();
        }
        let mut wrong = Vec::new();
        types.misshapen(name, &types.shapes[name].1, &answer, &mut wrong);
        assert_eq!(wrong, Vec::<String>::new(), "{file}");
        // It is seen when something is not there, or is something else.
        let fields = answer.as_object_mut().expect("an object");
        let key = fields.keys().next().expect("a field").clone();
        fields.insert(key, Value::Bool(true));
        types.misshapen(name, &types.shapes[name].1, &answer, &mut wrong);
        assert!(!wrong.is_empty(), "{file}");
    }
}
