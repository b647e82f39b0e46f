"""All evidence there is as one report: for reviewers HTML, for engineers SARIF, for auditors OSCAL, for machines JSON."""
