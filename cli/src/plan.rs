//! What the command line asks for: the request, and its body in a form that can be made several times.

use std::fs::File;
use std::io::{self, Cursor, Read};

use dimorph::blocking::RequestBuilder;
use dimorph::multipart::{Form, Part};
use dimorph::{Body, Client, DigestAuth, Method};
use serde_json::Value;

use crate::address;
use crate::args::{Args, pairs};
use crate::failure::{Failure, Result};
use crate::items::{self, Item, Upload, unescaped};
use crate::nested;
use crate::session::Saved;
use crate::stdin::{self, Stdin};

/// A request in words.
pub(crate) struct Plan {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) removed: Vec<String>,
    pub(crate) cookies: Vec<(String, String)>,
    pub(crate) auth: Option<Credentials>,
    pub(crate) payload: Payload,
}

/// How to authenticate.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    Basic(String, String),
    Digest(String, String),
    Bearer(String),
}

/// The body.
pub(crate) enum Payload {
    None,
    Bytes(Vec<u8>, Option<&'static str>),
    File(String, String),
    Parts(Vec<Field>),
    Stdin(Option<Stdin>, &'static str),
}

/// A field of a multipart form.
pub(crate) enum Field {
    Text(String, String),
    File(Upload),
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

impl Plan {
    /// Reads the arguments, the files that they name, and standard input where it is the body.
    pub(crate) fn new(args: &Args) -> Result<Plan> {
        let (method, url, words) = address::split(&args.words, args.method.as_deref())?;
        let mut gathered = Gathered {
            params: owned(&args.params),
            headers: owned(&args.headers),
            fields: pairs(&args.data)
                .map(|(name, value)| (None, name.to_owned(), value.into()))
                .collect(),
            files: pairs(&args.files)
                .map(|(name, path)| Upload {
                    name: name.to_owned(),
                    path: path.to_owned(),
                    media_type: None,
                    file_name: None,
                })
                .collect(),
            ..Gathered::default()
        };
        for word in words {
            gathered.take(word)?;
        }
        let auth = credentials(args)?;
        let payload = gathered.payload(args)?;
        let default = match payload {
            Payload::None => "GET",
            _ => "POST",
        };
        let method = method.as_deref().unwrap_or(default);
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Failure::usage(format!("`{}` is no method", method.escape_debug())))?;
        Ok(Plan {
            method,
            url: address::whole(url),
            params: gathered.params,
            headers: gathered.headers,
            removed: gathered.removed,
            cookies: owned(&args.cookies),
            auth,
            payload,
        })
    }

    /// Makes the request. A body that is read while it is sent can be made once.
    pub(crate) fn request(
        &mut self,
        client: &Client,
        saved: Option<&Saved>,
    ) -> Result<RequestBuilder> {
        let mut request = client.request(self.method.clone(), &self.url);
        if !self.params.is_empty() {
            request = request.params(&self.params);
        }
        let says = |name: &str| {
            let same = |other: &str| other.eq_ignore_ascii_case(name);
            self.headers.iter().any(|(other, _)| same(other))
                || self.removed.iter().any(|other| same(other))
        };
        for (name, value) in saved.into_iter().flat_map(|saved| &saved.headers) {
            if !says(name) {
                request = request.header(name.as_str(), value.as_str());
            }
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        for (name, value) in &self.cookies {
            request = request.cookie(name, value);
        }
        request = match self
            .auth
            .as_ref()
            .or(saved.and_then(|saved| saved.auth.as_ref()))
        {
            Some(Credentials::Basic(user, password)) => request.auth((user, password)),
            Some(Credentials::Digest(user, password)) => {
                request.auth(DigestAuth::new(user, password))
            }
            Some(Credentials::Bearer(token)) => request.bearer_auth(token),
            None => request,
        };
        // Who sends JSON wants JSON, as HTTPie has it.
        let saved_accept = saved.is_some_and(|saved| saved.has("accept"));
        if self.payload.content_type() == Some(JSON) && !says("accept") && !saved_accept {
            request = request.header("accept", "application/json, */*;q=0.5");
        }
        let content_type = self
            .payload
            .content_type()
            .filter(|_| !says("content-type"));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        request = match &mut self.payload {
            Payload::None => request,
            Payload::Bytes(bytes, _) => request.body(bytes.clone()),
            Payload::File(path, _) => request.body(open(path)?),
            Payload::Parts(fields) => request.multipart(form(fields)?),
            Payload::Stdin(stdin, _) => match stdin.take() {
                Some(Stdin::File(file)) => request.body(file),
                Some(Stdin::Pipe(first)) => {
                    request.body(Body::from_reader(Cursor::new(first).chain(io::stdin())))
                }
                None => return Err(Failure::failed("standard input was sent already")),
            },
        };
        for name in &self.removed {
            request = request.without_header(name.as_str());
        }
        Ok(request)
    }

    /// Reads what is left of standard input, so that the request can be made again.
    pub(crate) fn make_repeatable(&mut self) -> Result<()> {
        if let Payload::Stdin(stdin, content_type) = &mut self.payload {
            let unread = |error| Failure::file("standard input", &error);
            let bytes = match stdin.take() {
                Some(Stdin::Pipe(mut first)) => {
                    io::stdin().read_to_end(&mut first).map_err(unread)?;
                    first
                }
                Some(Stdin::File(mut file)) => {
                    let mut bytes = Vec::new();
                    file.read_to_end(&mut bytes).map_err(unread)?;
                    bytes
                }
                None => Vec::new(),
            };
            self.payload = Payload::Bytes(bytes, Some(content_type));
        }
        Ok(())
    }
}

impl Payload {
    fn content_type(&self) -> Option<&str> {
        match self {
            Payload::Bytes(_, content_type) => *content_type,
            Payload::File(_, content_type) => Some(content_type),
            Payload::Stdin(_, content_type) => Some(content_type),
            // A form that is multipart names its boundary itself.
            Payload::Parts(_) | Payload::None => None,
        }
    }
}

/// What options and items ask for together.
#[derive(Default)]
struct Gathered {
    params: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    removed: Vec<String>,
    /// The item, the key as written, and the value; of `-d` no item.
    fields: Vec<(Option<String>, String, Value)>,
    files: Vec<Upload>,
    body: Option<(String, String)>,
}

impl Gathered {
    fn take(&mut self, word: &str) -> Result<()> {
        match items::parse(word)? {
            Item::Header(name, value) => self.headers.push((name, value)),
            Item::NoHeader(name) => self.removed.push(name),
            Item::Param(name, value) => self.params.push((name, value)),
            Item::Field(key, value) => self.fields.push((Some(word.to_owned()), key, value)),
            Item::File(upload) => self.files.push(upload),
            Item::Body(_) if self.body.is_some() => {
                return Err(items::bad(word, "there is another body already"));
            }
            Item::Body(path) => self.body = Some((word.to_owned(), path)),
        }
        Ok(())
    }

    /// Decides what the body is. Two bodies are a mistake, not a question of precedence.
    fn payload(&mut self, args: &Args) -> Result<Payload> {
        let whole = args.content.is_some() || args.json.is_some();
        let item = self.fields.iter().find_map(|(item, ..)| item.clone());
        if let Some((word, _)) = self
            .body
            .as_ref()
            .filter(|_| whole || !self.fields.is_empty() || !self.files.is_empty())
        {
            return Err(items::bad(word, "there is another body already"));
        }
        if let Some(word) = item.filter(|_| whole) {
            return Err(items::bad(&word, "there is another body already"));
        }
        if whole && !self.files.is_empty() {
            return Err(Failure::usage(
                "a file of a form and another body exclude each other",
            ));
        }
        if let Some(content) = &args.content {
            return Ok(Payload::Bytes(content.clone().into_bytes(), None));
        }
        if let Some(json) = &args.json {
            serde_json::from_str::<serde::de::IgnoredAny>(json)
                .map_err(|error| Failure::usage(format!("--json: it is not JSON: {error}")))?;
            return Ok(Payload::Bytes(json.clone().into_bytes(), Some(JSON)));
        }
        if let Some((_, path)) = &self.body {
            open(path)?;
            return Ok(Payload::File(path.clone(), media_type(path)));
        }
        let fields = std::mem::take(&mut self.fields);
        if !self.files.is_empty() {
            let texts = fields
                .into_iter()
                .map(|(_, key, value)| Field::Text(unescaped(&key), text(value)));
            let files = std::mem::take(&mut self.files).into_iter().map(Field::File);
            let fields: Vec<Field> = texts.chain(files).collect();
            form(&fields)?;
            return Ok(Payload::Parts(fields));
        }
        let is_form = args.form || !args.data.is_empty();
        match fields.is_empty() {
            false if is_form => Ok(Payload::Bytes(urlencoded(fields), Some(FORM))),
            false => {
                let mut whole = Value::Null;
                for (_, key, value) in fields {
                    nested::put(&mut whole, &key, value)?;
                }
                Ok(Payload::Bytes(whole.to_string().into_bytes(), Some(JSON)))
            }
            true if args.ignore_stdin => Ok(Payload::None),
            true => Ok(match stdin::body()? {
                Some(stdin) => {
                    let content_type = if is_form { FORM } else { JSON };
                    match stdin {
                        stdin::Read::Whole(bytes) => Payload::Bytes(bytes, Some(content_type)),
                        stdin::Read::Begun(stdin) => Payload::Stdin(Some(stdin), content_type),
                    }
                }
                None => Payload::None,
            }),
        }
    }
}

fn owned(values: &[String]) -> Vec<(String, String)> {
    pairs(values)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A value as a form has it: text without quotes, anything else as JSON.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn urlencoded(fields: Vec<(Option<String>, String, Value)>) -> Vec<u8> {
    let mut form = dimorph::url::form_urlencoded::Serializer::new(String::new());
    for (_, key, value) in fields {
        form.append_pair(&unescaped(&key), &text(value));
    }
    form.finish().into_bytes()
}

fn open(path: &str) -> Result<File> {
    let unusable = |error| Failure::file(format_args!("the file `{path}`"), &error);
    let file = File::open(path).map_err(unusable)?;
    match file.metadata().map_err(unusable)?.is_dir() {
        true => Err(Failure::usage(format!(
            "the file `{path}`: it is a directory"
        ))),
        false => Ok(file),
    }
}

fn form(fields: &[Field]) -> Result<Form> {
    let mut form = Form::new();
    for field in fields {
        form = match field {
            Field::Text(name, value) => form.text(name, value),
            Field::File(upload) => {
                open(&upload.path)?;
                let mut part = Part::file(&upload.path)?;
                if let Some(name) = &upload.file_name {
                    part = part.file_name(name);
                }
                if let Some(media_type) = &upload.media_type {
                    part = part.mime(media_type)?;
                }
                form.part(&upload.name, part)
            }
        };
    }
    Ok(form)
}

/// The media type that a path's extension says.
pub(crate) fn media_type(path: &str) -> String {
    mime_guess::from_path(path)
        .first_or_octet_stream()
        .essence_str()
        .to_owned()
}

fn credentials(args: &Args) -> Result<Option<Credentials>> {
    if let Some(token) = &args.bearer {
        if token.contains(char::is_control) {
            return Err(Failure::usage(
                "--bearer: the token holds a character that no header may hold",
            ));
        }
        return Ok(Some(Credentials::Bearer(token.clone())));
    }
    let Some((user, password)) = pairs(&args.auth).last() else {
        return Ok(None);
    };
    if !args.digest && user.contains(':') {
        return Err(Failure::usage(
            "--auth: Basic has no way to send a user name with a colon",
        ));
    }
    let password = match password {
        "-" => rpassword::prompt_password(format!("Password of {user}: ")).map_err(|error| {
            match error.kind() {
                // Interrupted where the signal is ignored, as in a shell's background: else it has ended the program.
                io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => {
                    Failure::usage("no password was given")
                }
                _ => Failure::file(
                    "the password cannot be asked for, there is no terminal",
                    &error,
                ),
            }
        })?,
        given => given.to_owned(),
    };
    let user = user.to_owned();
    Ok(Some(match args.digest {
        true => Credentials::Digest(user, password),
        false => Credentials::Basic(user, password),
    }))
}
