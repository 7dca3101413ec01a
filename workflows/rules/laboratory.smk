# Estimators against the exact policy gradient, on worlds so small that everything about them is known.


rule laboratory_measurement:
    output:
        table=f"{MEASURED}/table.parquet",
        spreadsheet=f"{MEASURED}/table.csv",
        statements=f"{MEASURED}/statements.parquet",
        listed=f"{MEASURED}/statements.csv",
        figure=f"{MEASURED}/figure.svg",
        record=f"{MEASURED}/measurement.json",
    log:
        LAYOUT.log("laboratory_measurement", "{measurement}"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        disk_mb=100,
        runtime="1h",
    params:
        preset=LABORATORY_PRESET,
        into=subpath(output.record, parent=True),
        code=measuring_code,
    message:
        "Measure {wildcards.measurement}: estimators against the exact policy gradient"
    shell:
        "python -m pgbench laboratory {wildcards.measurement:q} --preset {params.preset}"
        " --output {params.into:q} > {log:q} 2>&1"


rule laboratory:
    input:
        measurements=expand(rules.laboratory_measurement.output.record, measurement=CONFIGURATION.laboratory),
        templates=TEMPLATES,
    output:
        html=f"{PAGES}/laboratory.html",
        markdown=f"{PAGES}/laboratory.md",
        figures=directory(f"{PAGES}/figures/laboratory"),
        tables=directory(f"{PAGES}/tables/laboratory"),
    log:
        LAYOUT.log("laboratory", "page"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        disk_mb=100,
        runtime="10m",
    params:
        measurements=expand(MEASURED, measurement=CONFIGURATION.laboratory),
        code=code_of(digests.LABORATORY_PAGE),
    message:
        "Write the page of the laboratory, {output.html}"
    shell:
        "python -m pgbench laboratory-report {params.measurements:q}"
        " --html {output.html:q} --markdown {output.markdown:q} > {log:q} 2>&1"
