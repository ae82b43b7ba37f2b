"""The compiler: text → document → checked rules → rule graph.

Above: the commands, `helio.app`, tests. Below: the phases of this room, and `helio.config`. Only
`compile_file` does I/O. An error anywhere, in the configuration or in the rules, means that there
is no graph; warnings and notes do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from helio.config import HelioConfig, LoadedConfig, Purpose, load_config, parse_config
from helio.diagnostics import (
    Diagnostics,
    Node,
    SourceText,
    Span,
    opening,
)
from helio.diagnostics import Mapping as MappingNode
from helio.diagnostics.ignoring import settle
from helio.evaluator import Evaluator, GraphError
from helio.policy.approval_check import check_approvals
from helio.policy.budget_check import check_budgets
from helio.policy.budget_reading import read_budgets
from helio.policy.check import check
from helio.policy.circles import check_circles
from helio.policy.codes import ALL_CODES, REFUSED_GRAPH
from helio.policy.collecting import uncollected
from helio.policy.graph import CompiledPolicy, Lowered, Settings
from helio.policy.installation import INSTALL_PATH, Installation, read_installation
from helio.policy.lower import lower
from helio.policy.reach import check_holes, check_loopholes, check_reach, check_scans
from helio.policy.redaction_check import check_redaction
from helio.policy.rule_reading import read_rules
from helio.policy.sdk_check import check_sdk
from helio.policy.state_check import check_state
from helio.policy.tool_types import KnownTools, check_tools
from helio.policy.upstreams import check_upstreams

RULES_PATH = "policies.rules"


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of a file. `config` and `policy` are None when there is any error."""

    config: HelioConfig | None
    policy: CompiledPolicy | None
    diagnostics: Diagnostics
    source: SourceText


def compile_file(
    path: Path,
    environment: Mapping[str, str],
    purpose: Purpose,
    tools: KnownTools | None = None,
) -> Compiled:
    """Compiles a file, and checks it against the tools of its upstreams where they are known.

    Raises `OSError` when it cannot be read; all else is diagnostics.
    """
    with uncollected():
        loaded = load_config(path, environment=environment, purpose=purpose)
        return compile_loaded(loaded, tools)


def compile_text(
    text: str,
    file: str = "helio.yaml",
    *,
    environment: Mapping[str, str] | None = None,
    purpose: Purpose = "run",
    tools: KnownTools | None = None,
) -> Compiled:
    """The same from text; `file` is the name in diagnostics."""
    with uncollected():
        loaded = parse_config(text, file, environment=environment or {}, purpose=purpose)
        return compile_loaded(loaded, tools)


def compile_loaded(loaded: LoadedConfig, tools: KnownTools | None = None) -> Compiled:
    """Compiles rules and budgets of a configuration that was read; its faults and theirs come
    together, without those that the file says to ignore.
    """
    compiled = _compiled(loaded, tools)
    settle(compiled.diagnostics, loaded.ignores, ALL_CODES)
    return compiled


def _compiled(loaded: LoadedConfig, tools: KnownTools | None) -> Compiled:
    diagnostics = loaded.diagnostics
    nothing = Compiled(None, None, diagnostics, loaded.source)
    if loaded.root is None:
        return nothing
    policies = loaded.root.get("policies")
    node, install = (
        policies.get(key) if isinstance(policies, MappingNode) else None
        for key in ("rules", "install")
    )
    rules = read_rules(node, RULES_PATH, diagnostics)
    installation = read_installation(install, diagnostics)
    config = loaded.config
    budgets = read_budgets(loaded.root.get("budgets"), "budgets", diagnostics)
    check(rules, config, diagnostics)
    check(installation.rules, config, diagnostics)
    check_circles(rules, diagnostics)
    check_budgets(budgets, config, diagnostics)
    asking = (*rules, *installation.rules)
    check_approvals(asking, budgets, config, loaded.root, diagnostics)
    check_redaction(loaded.root, diagnostics)
    check_sdk(loaded.root, diagnostics)
    if config is None or diagnostics.has_errors:
        return nothing
    # Only the name: the same policy in another directory is the same text.
    name = Path(loaded.source.path).name
    valued = list(zip(budgets, config.budgets, strict=True))
    graph = lower(rules, valued, _settings(config), name)
    is_plain = loaded.is_plain
    verified = _verified(graph, node, diagnostics, is_plain=is_plain)
    scans = lower(installation.rules, [], _scan_settings(config, installation), name)
    scanned = _verified(scans, install, diagnostics, INSTALL_PATH, is_plain=is_plain)
    if verified is None or scanned is None:
        return nothing
    install_policy = replace(scanned[0], is_install=True)
    policy, evaluator = replace(verified[0], install=install_policy), verified[1]
    check_reach(rules, evaluator, policy.settings, diagnostics)
    check_holes(rules, evaluator, policy.settings, diagnostics)
    check_loopholes(rules, evaluator, policy.settings, diagnostics)
    check_scans(installation.rules, scanned[1], scanned[0].settings, diagnostics)
    check_upstreams(rules, budgets, config, diagnostics)
    check_state(rules, budgets, config, diagnostics)
    if tools is not None:
        check_tools(rules, budgets, config, tools, diagnostics, root=loaded.root)
    return Compiled(config, policy, diagnostics, loaded.source)


def _verified(
    graph: Lowered,
    rules: Node | None,
    diagnostics: Diagnostics,
    path: str = RULES_PATH,
    *,
    is_plain: bool,
) -> tuple[CompiledPolicy, Evaluator] | None:
    """The policy with its evaluator; None when that does not take its graph, which is reported.
    Where `is_plain`, nothing in the graph came from the environment.
    """
    try:
        evaluator = Evaluator(graph.text)
    except GraphError as error:
        place = Span(1, 1, 1, 1) if rules is None else opening(rules)
        message = f"the evaluator does not take the graph of these rules: {error}"
        diagnostics.add(REFUSED_GRAPH, message, place, path)
        return None
    # What came from the environment becomes plain by being read again.
    document = graph.document if is_plain else None
    return CompiledPolicy.verified(graph.text, evaluator, document), evaluator


def _settings(config: HelioConfig) -> Settings:
    policies = config.policies
    return Settings(
        default=policies.default,
        flag_destructive=policies.flag_destructive,
        on_tool_drift=policies.on_tool_drift,
        unknown_tools=policies.unknown_tools,
        dry_run=policies.dry_run,
        shadow=policies.shadow,
        blocked_as=policies.blocked_as,
        environment=config.environment,
    )


def _scan_settings(config: HelioConfig, installation: Installation) -> Settings:
    """Those of the graph of installations: no tool is behind it that could drift or destroy."""
    return Settings(
        default=installation.default,
        flag_destructive="off",
        on_tool_drift="log",
        dry_run=config.policies.dry_run,
        shadow=config.policies.shadow,
        environment=config.environment,
    )
