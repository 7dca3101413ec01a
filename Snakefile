# Replicates the configured studies: `snakemake --cores N` all of them, `snakemake --cores N ladder` one.
from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/workflows/config.yaml"


report: "workflows/report/workflow.rst"


include: "workflows/rules/common.smk"
include: "workflows/rules/train.smk"
include: "workflows/rules/track.smk"
include: "workflows/rules/analyse.smk"
include: "workflows/rules/laboratory.smk"
include: "workflows/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.index.output,
        tracked(PLANS.values()),


for study in PLANS:

    rule:
        name:
            study
        input:
            html=f"{PAGES}/{study}.html",
            markdown=f"{PAGES}/{study}.md",
            tracked=tracked([PLANS[study]]),


# No rule makes a file without a directory and an ending, so a request for such a file is a misspelt target.
rule misspelt:
    input:
        refuse_target,
    output:
        "{target}",
