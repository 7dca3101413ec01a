# Pages for people: one for each study, and an index of all studies.

# Snakemake's report shows the same captions as the pages.
CAPTIONS = read_yaml(Path(workflow.basedir, "workflows", "report", "captions.yaml"))


rule page:
    input:
        plan=rules.resolve.output.plan,
        tables=rules.gather.output,
        references=REFERENCES,
        verdicts=VERDICTS,
        templates=TEMPLATES,
    output:
        html=f"{PAGES}/{{study}}.html",
        markdown=f"{PAGES}/{{study}}.md",
        figures=report(
            directory(f"{PAGES}/figures/{{study}}"),
            patterns=["{figure}.svg"],
            caption="../report/captions/figure.rst",
            category="{study}",
            labels={"figure": "{figure}"},
        ),
        tables=report(
            directory(f"{PAGES}/tables/{{study}}"),
            patterns=["{table}.csv"],
            caption="../report/captions/table.rst",
            category="{study}",
            labels={"table": "{table}"},
        ),
    log:
        LAYOUT.log("page", "{study}"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        disk_mb=1000,
        runtime="1h",
    params:
        study=subpath(input.plan, parent=True),
        into=subpath(output.html, parent=True),
        neighbours=neighbours,
        figure_captions={name: texts["text"] for name, texts in CAPTIONS["figures"].items()},
        table_captions=CAPTIONS["tables"],
        code=code_of(digests.STUDY_PAGE),
    message:
        "Write the page of the study {wildcards.study}, {output.html}"
    shell:
        "python -m pgbench report {params.study:q} --into {params.into:q} {params.neighbours}"
        " > {log:q} 2>&1"


rule index:
    input:
        pages=expand(rules.page.output.html, study=PLANS),
        laboratory=rules.laboratory.output.html if CONFIGURATION.laboratory else [],
        verdicts=VERDICTS,
        templates=TEMPLATES,
    output:
        html=f"{PAGES}/index.html",
        markdown=f"{PAGES}/index.md",
        figures=directory(f"{PAGES}/figures/index"),
        tables=directory(f"{PAGES}/tables/index"),
    log:
        LAYOUT.log("index", "page"),
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        disk_mb=100,
        runtime="10m",
    params:
        studies=indexed,
        laboratory=shown_measurements,
        code=code_of(digests.INDEX_PAGE),
    message:
        "Write the index of all studies, {output.html}"
    shell:
        "python -m pgbench index {params.studies:q} {params.laboratory}"
        " --html {output.html:q} --markdown {output.markdown:q} > {log:q} 2>&1"
