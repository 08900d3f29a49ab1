//! What RFC 7616 asks of credentials.

use std::collections::HashMap;

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512, Sha512_256};

use super::{DigestBuilder, State, Verdict};
use crate::Received;

impl DigestBuilder {
    /// RFC 7616 section 3.4, parameter by parameter.
    pub(super) fn check(
        &self,
        request: &Received,
        fields: &HashMap<String, String>,
        state: &mut State,
    ) -> Result<Verdict, String> {
        let needed = |name: &str| {
            let value = fields.get(name).map(String::as_str);
            value.ok_or_else(|| format!("{name} is missing"))
        };
        let same = |name: &str, given: &str, expected: &str| match given == expected {
            true => Ok(()),
            false => Err(format!("{name} is {given:?}, not {expected:?}")),
        };
        let algorithm = fields.get("algorithm").map_or("MD5", String::as_str);
        let challenge = self
            .challenges
            .iter()
            .find(|challenge| challenge.name().eq_ignore_ascii_case(algorithm))
            .ok_or_else(|| format!("algorithm {algorithm} was not offered"))?;
        let (hash, session) = hash_of(algorithm)?;
        let realm = self.realm_now(state);
        same("realm", needed("realm")?, &realm)?;
        same("uri", needed("uri")?, &request.target)?;
        if let Some(opaque) = &challenge.opaque {
            same("opaque", needed("opaque")?, opaque)?;
        } else if fields.contains_key("opaque") {
            return Err("opaque was not asked for".to_owned());
        }
        let hashed = fields.get("userhash").is_some_and(|value| value == "true");
        if challenge.userhash != hashed {
            return Err(format!("userhash is {hashed}"));
        }
        match fields.get("username*") {
            Some(_) if fields.contains_key("username") || hashed => {
                return Err("two forms of the user".to_owned());
            }
            Some(extended) => same("username*", &decode_extended(extended)?, &self.user)?,
            None if hashed => {
                let expected = hash(format!("{}:{realm}", self.user).as_bytes());
                same("username", needed("username")?, &expected)?;
            }
            None => same("username", needed("username")?, &self.user)?,
        }

        let nonce = needed("nonce")?;
        let seen = state.seen.get_mut(nonce).ok_or("nonce is not ours")?;
        let qop = match (&challenge.qop, fields.get("qop")) {
            (Some(offered), Some(qop)) => {
                if !offered.split(',').any(|word| word.trim() == qop) {
                    return Err(format!("qop {qop} was not offered"));
                }
                Some(qop.as_str())
            }
            (None, None) => None,
            (_, qop) => return Err(format!("qop is {qop:?}")),
        };

        let password = format!("{}:{realm}:{}", self.user, self.password);
        let mut a1 = hash(password.as_bytes());
        if session {
            a1 = hash(format!("{a1}:{nonce}:{}", needed("cnonce")?).as_bytes());
        }
        let mut a2 = format!("{}:{}", request.method, request.target);
        if qop == Some("auth-int") {
            a2 = format!("{a2}:{}", hash(&request.body));
        }
        let a2 = hash(a2.as_bytes());
        let expected = match qop {
            // RFC 2069 section 2.1.2.
            None => hash(format!("{a1}:{nonce}:{a2}").as_bytes()),
            Some(qop) => {
                let (nc, cnonce) = (needed("nc")?, needed("cnonce")?);
                hash(format!("{a1}:{nonce}:{nc}:{cnonce}:{qop}:{a2}").as_bytes())
            }
        };
        same("response", needed("response")?, &expected)?;

        let used = seen.len() as u32;
        let nc = match qop {
            None => used + 1,
            Some(_) => count(needed("nc")?)?,
        };
        if seen.contains(&nc) {
            return Err(format!("nc {nc} came before"));
        }
        seen.push(nc);
        match self.stale_after {
            Some(uses) if used >= uses => Ok(Verdict::Stale),
            _ => Ok(Verdict::Accepted),
        }
    }
}

/// Eight digits of lower-case hexadecimal.
fn count(nc: &str) -> Result<u32, String> {
    let well_formed = nc.len() == 8
        && nc
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match u32::from_str_radix(nc, 16) {
        Ok(n) if well_formed => Ok(n),
        _ => Err(format!("nc is {nc:?}")),
    }
}

type Hash = fn(&[u8]) -> String;

/// Returns the hash of an algorithm's name, and whether it is a session's.
fn hash_of(algorithm: &str) -> Result<(Hash, bool), String> {
    let name = algorithm.to_ascii_uppercase();
    let (name, session) = match name.strip_suffix("-SESS") {
        Some(name) => (name, true),
        None => (name.as_str(), false),
    };
    let hash: Hash = match name {
        "MD5" => |bytes| hex(&Md5::digest(bytes)),
        "SHA" => |bytes| hex(&Sha1::digest(bytes)),
        "SHA-256" => |bytes| hex(&Sha256::digest(bytes)),
        "SHA-512" => |bytes| hex(&Sha512::digest(bytes)),
        "SHA-512-256" => |bytes| hex(&Sha512_256::digest(bytes)),
        _ => return Err(format!("algorithm {algorithm} is not known")),
    };
    Ok((hash, session))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `UTF-8''` and percent-encoded bytes (RFC 8187 section 3.2).
fn decode_extended(value: &str) -> Result<String, String> {
    let wrong = || format!("username* is {value:?}");
    let encoded = value.strip_prefix("UTF-8''").ok_or_else(wrong)?;
    let (mut bytes, mut rest) = (Vec::new(), encoded.bytes());
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next(), rest.next()].map(|d| d.unwrap_or(b'x'));
            let digits = str::from_utf8(&digits).map_err(|_| wrong())?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// Takes credentials apart, and minds what must be quoted and what must not be (RFC 7616 section 3.4).
pub(super) fn parse(credentials: &str) -> Result<HashMap<String, String>, String> {
    const BARE: [&str; 5] = ["algorithm", "qop", "nc", "userhash", "username*"];
    let mut rest = credentials
        .strip_prefix("Digest ")
        .ok_or_else(|| format!("the scheme is another one: {credentials}"))?
        .trim_start();
    let mut fields = HashMap::new();
    loop {
        let (name, after) = rest
            .split_once('=')
            .ok_or_else(|| format!("no parameter: {rest:?}"))?;
        let quoted = after.strip_prefix('"');
        if quoted.is_some() == BARE.contains(&name) {
            return Err(format!("the quotes of {name} are wrong"));
        }
        let mut value = String::new();
        rest = match quoted {
            None => {
                let end = after.find(',').unwrap_or(after.len());
                value += after[..end].trim_end();
                &after[end..]
            }
            Some(text) => {
                let mut chars = text.char_indices();
                loop {
                    match chars.next() {
                        Some((at, '"')) => break &text[at + 1..],
                        Some((_, '\\')) => value.extend(chars.next().map(|(_, c)| c)),
                        Some((_, c)) => value.push(c),
                        None => return Err(format!("{name} does not end")),
                    }
                }
            }
        };
        if fields.insert(name.to_owned(), value).is_some() {
            return Err(format!("{name} comes twice"));
        }
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(fields);
        }
        rest = rest
            .strip_prefix(',')
            .ok_or_else(|| format!("no comma: {rest:?}"))?
            .trim_start();
    }
}
