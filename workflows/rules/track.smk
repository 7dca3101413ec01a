# Finished blocks in Weights & Biases. Without `tracking: wandb` in the configuration no rule asks for these files.


rule track:
    input:
        rules.train.output,
        plans=plans_of_run,
    output:
        touch(LAYOUT.tracking_mark("{run}/{block}")),
    log:
        LAYOUT.log("track", "{run}/{block}"),
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        disk_mb=500,
        runtime="1h",
    params:
        block=subpath(input[0], parent=True),
    message:
        "Show {wildcards.run}, seeds {wildcards.block}, in Weights & Biases"
    # Tracking is a view of the results: it never fails a job, and the last line says what went wrong.
    shell:
        "python -m pgbench track {params.block:q} > {log:q} 2>&1 || tail --lines=1 {log:q}"
