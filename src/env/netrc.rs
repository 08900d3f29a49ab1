//! Where the user's `.netrc` is.

use std::path::{Path, PathBuf};

use super::{Env, path};

/// Returns the files to try, in this order: `$NETRC` alone if it is set, else `.netrc` and `_netrc` in the home directory.
pub(crate) fn netrc_paths(env: Env<'_>) -> Vec<PathBuf> {
    if let Some(file) = path(env, "NETRC") {
        return vec![file];
    }
    let home = path(env, "HOME").or_else(|| {
        // Windows has no HOME of its own.
        cfg!(windows).then(|| path(env, "USERPROFILE")).flatten()
    });
    match home {
        Some(home) => [".netrc", "_netrc"]
            .map(|name| Path::new(&home).join(name))
            .into(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netrc_alone_or_the_home_directorys_files() {
        type Set<'a> = &'a [(&'a str, &'a str)];
        let table: [(Set<'_>, &[&str]); 5] = [
            (&[], &[]),
            (&[("NETRC", "/n"), ("HOME", "/h")], &["/n"]),
            (
                &[("NETRC", ""), ("HOME", "/h")],
                &["/h/.netrc", "/h/_netrc"],
            ),
            (&[("HOME", "/h")], &["/h/.netrc", "/h/_netrc"]),
            (&[("HOME", "")], &[]),
        ];
        for (set, expected) in table {
            let env = |name: &str| {
                let found = set.iter().find(|(other, _)| *other == name);
                found.map(|(_, value)| value.into())
            };
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(netrc_paths(&env), expected, "{set:?}");
        }
    }
}
