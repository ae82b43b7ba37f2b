"""The tour: a demo upstream, a policy for it, and a scripted agent that calls through Helio.

Above it: `helio.cli.demo`. Below it: nothing of Helio, so that the tour sees only what
any agent sees.
"""
