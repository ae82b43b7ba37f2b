//! Credentials in texts: what has a form of its own. Above: `redact`. Below: `rule` (patterns). Pure.
//!
//! Each is one regular expression; a part named `secret` is hidden alone, so that what it belongs to stays
//! readable. One set of all of them tells in a single pass which are worth a second look.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::rule::Pattern;

/// Every form, by the vendors' and standards' own descriptions.
const FORMS: &[&str] = &[
    // AWS: access key ids, and secret keys where they are named.
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    r#"(?i)aws.{0,20}secret.{0,20}?[=:"'\s](?<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|$)"#,
    // Private keys in PEM (RFC 7468) and OpenPGP's armour; one that is cut goes to the end.
    r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)",
    r"\bPuTTY-User-Key-File-[0-9]: (?s:.*)",
    r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b",
    // JSON Web Tokens, signed (RFC 7515) and encrypted (RFC 7516).
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*){1,3}",
    // HTTP credentials (RFC 6750, RFC 7617): with a digit, lest words that follow be taken for one.
    r"(?i)\b(?:bearer|token)\s+(?<secret>[A-Z0-9._~+/-]{0,512}?[0-9][A-Z0-9._~+/-]{11,}=*)",
    r"(?i)\bbearer\s+(?<secret>[A-Z0-9._~+/-]{11,512}[0-9][A-Z0-9._~+/-]*=*)",
    r"(?i)\bauthorization\b['\x22]?\s*[:=]\s*['\x22]?(?:(?:basic|bearer|digest|token|negotiate|apikey)\s+)?(?<secret>[^\s'\x22,;]{8,})",
    r"\b[Bb]asic\s+(?<secret>[A-Za-z0-9+/]{8,}(?:={1,2}|[A-Za-z0-9+/]*[0-9+/][A-Za-z0-9+/]*={0,2}))",
    // Passwords in URLs (RFC 3986, section 3.2.1), in their queries and in connection strings.
    r#"\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/?#@:"'<>]*:(?<secret>[^\s/?#@"'<>]+)@"#,
    r#"(?i)[?&;](?:access_token|refresh_token|id_token|token|api_?key|key|password|passwd|pwd|secret|client_secret|sig|signature|x-amz-signature|x-amz-security-token)=(?<secret>[^&\s#"'<>;]{4,})"#,
    r#"(?i)\b(?:password|passwd|pwd|client_secret|secret_key|api_?key|accountkey|sharedaccesskey)=(?<secret>[^;&\s"',<>]{4,})"#,
    // Members with the names of `KEYS` in texts that are not JSON as a whole: quoted, escaped, in single quotes.
    r#""(?i:KEYS)"\s*:\s*"(?<secret>(?:\\.|[^"\\])+)"#,
    r#"\\+"(?i:KEYS)\\+"\s*:\s*\\+"(?<secret>[^"]+?)(?:\\*"|$)"#,
    r"'(?i:KEYS)'\s*:\s*'(?<secret>(?:\\.|[^'\\])+)",
    // Tokens of vendors.
    r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{22,255}\b",
    r"\bgl(?:pat|ptt|dt|rt|cbt|imt|soat|ft)-[A-Za-z0-9_-]{20,}",
    r"\bxox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}",
    r"\bxapp-[0-9]-[A-Za-z0-9-]{10,}",
    r"https://hooks\.slack\.com/(?:services|workflows|triggers)/(?<secret>[A-Za-z0-9/_-]{20,})",
    r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/(?<secret>[0-9]+/[A-Za-z0-9_-]{20,})",
    r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}\b",
    r"\bwhsec_[A-Za-z0-9+/=]{24,}",
    r"\bsk-(?:ant-|proj-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,}",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\bya29\.[A-Za-z0-9_-]{20,}",
    r"\bGOCSPX-[A-Za-z0-9_-]{28}",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bpypi-[A-Za-z0-9_-]{50,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\b(?:SK|AC)[0-9a-f]{32}\b",
    r"\bkey-[0-9a-f]{32}\b",
    r"\bdo[opr]_v1_[a-f0-9]{64}\b",
    r"\bhf_[A-Za-z0-9]{30,}\b",
    r"\bdapi[a-f0-9]{32}\b",
    r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b",
    r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}",
    r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b",
    r"\blin_api_[A-Za-z0-9]{40}\b",
    r"\b(?:ntn|secret)_[A-Za-z0-9]{43,}\b",
    r"\bATATT3[A-Za-z0-9_=-]{50,}",
    r"\bEAAA[A-Za-z0-9_-]{60}",
];

/// The names of members that hold a credential, whatever its form; in lower case, without `-` and `_`.
const KEYS: &[&str] = &[
    "accesstoken",
    "apikey",
    "authorization",
    "awssecretaccesskey",
    "clientsecret",
    "cookie",
    "idtoken",
    "passwd",
    "password",
    "privatekey",
    "proxyauthorization",
    "refreshtoken",
    "secretaccesskey",
    "secretkey",
    "sessiontoken",
    "setcookie",
    "xapikey",
];

/// Whether a member with this key, its case folded, holds a credential.
pub(super) fn is_key(folded: &str) -> bool {
    let letters = |text: &str| text.replace(['-', '_'], "");
    KEYS.binary_search(&letters(folded).as_str()).is_ok()
}

/// The keys as an expression.
static NAMES: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<String> = KEYS.iter().map(|key| apart(key)).collect();
    names.join("|")
});

/// A key with an optional `-` or `_` between any two letters.
fn apart(key: &str) -> String {
    let letters: Vec<String> = key.chars().map(String::from).collect();
    letters.join("[-_]?")
}

struct Forms {
    set: RegexSet,
    each: Vec<Pattern>,
}

/// Compiled once a process. INVARIANT: every form is a regular expression (`tests/values/redact.rs` uses each).
static COMPILED: LazyLock<Option<Forms>> = LazyLock::new(|| {
    let set = regex::RegexSetBuilder::new(FORMS.iter().map(|form| written(form)))
        .size_limit(64 * 1024 * 1024)
        .dfa_size_limit(64 * 1024 * 1024)
        .build();
    let each: Result<Vec<Pattern>, _> = FORMS
        .iter()
        .map(|form| Regex::new(&written(form)).map(Pattern::new))
        .collect();
    Some(Forms {
        set: set.ok()?,
        each: each.ok()?,
    })
});

/// Word boundaries by ASCII letters alone: a token may stand right behind any other letter, and is found faster.
/// `KEYS` stands for all of them, their words together or apart.
fn written(form: &str) -> String {
    form.replace(r"\b", r"(?-u:\b)").replace("KEYS", &NAMES)
}

/// Where credentials stand in a text, in no order; they may overlap.
pub(super) fn each(text: &str, mut found: impl FnMut(Range<usize>)) {
    let Some(forms) = COMPILED.as_ref() else {
        // It cannot be looked at, so nothing of it is shown.
        return found(0..text.len());
    };
    for place in forms.set.matches(text) {
        if let Some(form) = forms.each.get(place) {
            form.each(text, &mut found);
        }
    }
}
