# From the blocks of a study to its tables.


rule resolve:
    input:
        study=study_file,
    output:
        plan=f"{TABLES}/{PLAN}",
    log:
        LAYOUT.log("resolve", "{study}"),
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        disk_mb=100,
        runtime="10m",
    params:
        spending=planning_arguments,
        plan=plan_digest,
    message:
        "Plan the study {wildcards.study}"
    shell:
        "python -m pgbench resolve {input.study:q} {params.spending} --into {output.plan:q} > {log:q} 2>&1"


rule gather:
    input:
        plan=rules.resolve.output.plan,
        blocks=blocks,
        references=REFERENCES,
    output:
        episodes=f"{TABLES}/episodes.parquet",
        curves=f"{TABLES}/curves.parquet",
        scores=f"{TABLES}/scores.parquet",
        summary=f"{TABLES}/summary.parquet",
        spreadsheet=f"{TABLES}/summary.csv",
        effects=f"{TABLES}/effects.parquet",
        claims=multiext(f"{TABLES}/claims", ".parquet", ".csv"),
        verdicts=multiext(f"{TABLES}/verdicts", ".parquet", ".csv"),
        published=multiext(f"{TABLES}/published", ".parquet", ".csv"),
        provenance=f"{TABLES}/{PROVENANCE}",
    log:
        LAYOUT.log("gather", "{study}"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        disk_mb=1000,
        runtime="1h",
    params:
        study=subpath(input.plan, parent=True),
        code=code_of(digests.TABLES),
    message:
        "Gather the blocks of the study {wildcards.study} into its tables, and judge its claims"
    shell:
        "python -m pgbench gather {params.study:q} > {log:q} 2>&1"
