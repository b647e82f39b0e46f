"""Objectives turned into what watches them: rules, routes and dashboards, all from catalogue and topology."""
