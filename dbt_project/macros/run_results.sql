{# At the run's end: what became of it, in ops.runs and ops.test_results; runs of more than two days ago go. Developers' targets leave no trace. #}
{% macro record_run(results) %}
    {% if not execute or target.name != 'prod' %}{% do return('') %}{% endif %}
    {% set seen = namespace(models=0, rows=0, warnings=0, skipped=0) %}
    {% set failed, tests = [], [] %}
    {% for result in results %}
        {% set status = result.status | string %}
        {% if status in ('error', 'fail', 'runtime error', 'partial success') %}
            {% do failed.append(text_literal(result.node.name)) %}
        {% elif status == 'skipped' %}
            {% set seen.skipped = seen.skipped + 1 %}
        {% elif status == 'warn' %}
            {% set seen.warnings = seen.warnings + 1 %}
        {% elif result.node.resource_type in ('model', 'seed', 'snapshot') %}
            {% set seen.models = seen.models + 1 %}
            {# a number, or absent: what the server does not count has none #}
            {% set seen.rows = seen.rows + [(result.adapter_response or {}).get('rows_affected', 0) | int, 0] | max %}
        {% endif %}
        {% if result.node.resource_type == 'test' %}{% do tests.append(test_row(result, status)) %}{% endif %}
    {% endfor %}
    {%- if tests %}
    with tested as (
        insert into ops.test_results (test, relation, status, failures, message, invocation_id) values
        {{ tests | join(',\n        ') }}
        on conflict (test) do update set
            relation = excluded.relation,
            status = excluded.status,
            failures = excluded.failures,
            message = excluded.message,
            invocation_id = excluded.invocation_id,
            tested_at = clock_timestamp()
    )
    {%- endif %}

    select ops.record_run(
        '{{ invocation_id }}', {{ text_literal(env_var('LANDFALL_STARTED_BY', 'dbt')) }}, '{{ flags.WHICH }}', '{{ run_started_at.isoformat() }}',
        {{ seen.models }}, {{ seen.rows }}, {{ seen.warnings }}, {{ seen.skipped }}, array[{{ failed | join(', ') }}]::text[]
    )
{% endmacro %}


{# One row of ops.test_results as SQL. #}
{% macro test_row(result, status) -%}
    {%- set tested = graph_node(result.node.attached_node) -%}
    {%- set relation = text_literal(tested.schema ~ '.' ~ (tested.alias or tested.identifier)) if tested else 'null' -%}
    {%- set known = status if status in ('pass', 'warn', 'fail', 'skipped') else 'error' -%}
    ({{ text_literal(result.node.name) }}, {{ relation }}, '{{ known }}', {{ result.failures if result.failures is not none else 'null' }}, {{ text_literal((result.message or '')[:1000]) }}, '{{ invocation_id }}')
{%- endmacro %}
