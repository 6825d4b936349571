{#
    Which loads a run and its models read: see docs in models/_progress.md.

    A run reads to one horizon per stream. A model reads from its own position to the least of the horizon and the
    positions of the relations that it reads, and moves there in the transaction that writes its rows (ops.plan_model, ops.run_script).
#}

{# At the run's start: the newest load of each stream that has landed and is enriched. #}
{% macro capture_horizon() %}
    select ops.capture_horizon('{{ invocation_id }}')
{% endmacro %}


{#
    Condition on a table of facts: rows that this model has not read yet, or that have changed since, or whose days are to be
    counted again (`landfall refresh --from DAY --to DAY`). `event_at`: the column of their time.
#}
{% macro new_loads(stream, column='changed_load_id', event_at='event_at') -%}
    {%- if recounts_days() and not reads_everything() -%}
        (
            ({{ unread_loads(stream, column) }})
            or ({{ readable_loads(stream, column) }} and {{ is_of_recounted_days(event_at) }})
        )
    {%- else -%}
        {{ unread_loads(stream, column) }}
    {%- endif -%}
{%- endmacro %}


{% macro unread_loads(stream, column) -%}
    {%- if reads_everything() -%} true {%- else -%} {{ column }} > {{ position_of(stream) }} and {{ column }} <= {{ reads_to(stream) }} {%- endif -%}
{%- endmacro %}


{# Condition on a landing table: the same, and the days of these loads, so that other partitions are not looked at. #}
{% macro new_landings(stream) -%}
    {{- unread_loads(stream, 'load_id') -}}
    {%- if not reads_everything() %}
        and landed_at between {{ landed_at_of_new_loads(stream, 'min') }} and {{ landed_at_of_new_loads(stream, 'max') }}
    {%- endif -%}
{%- endmacro %}


{# Condition on a table of facts: rows that this run may see. A relation that another run has moved on may hold later ones. #}
{% macro readable_loads(stream, column='load_id') -%}
    {%- if reads_everything() -%} true {%- else -%} {{ column }} <= {{ reads_to(stream) }} {%- endif -%}
{%- endmacro %}

{# Rows of a unit test have no loads, and `dbt show` shows what a model gives of all events. #}
{% macro reads_everything() %}
    {% do return(model.resource_type == 'unit_test' or flags.WHICH == 'show') %}
{% endmacro %}

{# `--empty` makes tables without reading. A sample would be counted as all that a load has, so `--sample` does not read either. #}
{% macro reads_nothing() %}
    {% do return(flags.EMPTY or invocation_args_dict.get('sample') is not none) %}
{% endmacro %}


{% macro position_of(stream) -%}
    {%- set position = own_progress('position', stream) -%}
    {%- if reads_everything() -%} -1 {%- else -%} {{ position }} {%- endif -%}
{%- endmacro %}

{% macro reads_to(stream) -%} {{ own_progress('reads_to', stream) }} {%- endmacro %}

{# Other models have no position, and would read nothing. #}
{% macro own_progress(column, stream) -%}
    {%- if execute and model.resource_type == 'model' and model.config.materialized != 'incremental_by_load' -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ' is materialized as ' ~ model.config.materialized ~ ': new_loads, new_landings and readable_loads are for '
            ~ 'incremental_by_load, whose loads are recorded. dbt\'s own `incremental` asks is_incremental().'
        ) -%}
    {%- endif -%}
    (select {{ column }} from ops.model_progress where relation = '{{ progress_key(this) }}' and source = '{{ stream }}')
{%- endmacro %}

{# Merged loads landed from the first of them on. #}
{% macro landed_at_of_new_loads(stream, aggregate) -%}
    (select {{ aggregate }}({{ 'coalesce(first_landed_at, landed_at)' if aggregate == 'min' else 'landed_at' }}) from landing.loads where stream = '{{ stream }}' and {{ unread_loads(stream, 'load_id') }})
{%- endmacro %}

{# The load of the ledger that a row's load is counted in: its own, or the one that it was merged into (warehouse/merging.py). #}
{% macro standing_load(stream, column) -%}
    {%- if reads_everything() -%} {{ column }}
    {%- else -%} coalesce((select min(load_id) from landing.loads where stream = '{{ stream }}' and load_id >= {{ column }}), {{ column }})
    {%- endif -%}
{%- endmacro %}

{% macro progress_key(relation) -%} {{ relation.schema }}.{{ relation.identifier }} {%- endmacro %}


{% macro is_by_load(node) %}
    {% do return(node.config.materialized == 'incremental_by_load') %}
{% endmacro %}

{# Whether a model holds no rows: what it reads is read anew with it. A user's table is as old as its last run, and has no position. #}
{% macro is_looked_through(node) %}
    {% do return(node.resource_type == 'model' and node.config.materialized in ('view', 'ephemeral')) %}
{% endmacro %}


{#
    A model, source, seed … of dbt's graph by its key, none where there is no such. Kept in the graph: dbt makes a dictionary of a node
    anew each time it is asked for, and each model of each pass asks for some. What stands there goes with the parsed project.
#}
{% macro graph_node(key) %}
    {% set kept = graph.setdefault('landfall_nodes', {}) %}
    {% if key not in kept %} {% do kept.update({key: graph.nodes.get(key) or graph.sources.get(key)}) %} {% endif %}
    {% do return(kept[key]) %}
{% endmacro %}

{# The stream that a node of the graph is the landing of, none where it is something else. #}
{% macro landed_stream(node) %}
    {% do return(node.name if node and node.resource_type == 'source' and node.source_name == 'landing' else none) %}
{% endmacro %}

{#
    Streams that a model reads, each with the relations between: {stream: [relation, …]}, not to be changed. Views are looked through,
    so what counts is what the SQL refers to, and not a list that one could forget to extend. With `--defer` they are the relations
    that `ref` gives: those of the other environment where this one has none. Else they are kept in the graph, as nodes are.
#}
{% macro upstream_positions(node) %}
    {% set kept = graph.setdefault('landfall_upstream_positions', {}) %}
    {% if node.unique_id not in kept or invocation_args_dict.get('defer') %}
        {% set found = {} %}
        {% do add_upstream_positions(node.depends_on.nodes, false, found, []) %}
        {% do kept.update({node.unique_id: found}) %}
    {% endif %}
    {% do return(kept[node.unique_id]) %}
{% endmacro %}

{% macro add_upstream_positions(keys, of_deferred, found, seen) %}
    {% for key in keys if (key, of_deferred) not in seen %}
        {% do seen.append((key, of_deferred)) %}
        {% set parent = graph_node(key) %}
        {% set deferred = parent.defer_relation and (of_deferred or is_deferred(parent)) %}
        {% if landed_stream(parent) %}
            {% do found.setdefault(parent.name, []) %}
        {% elif parent and is_by_load(parent) %}
            {% set there = parent.defer_relation if deferred else parent %}
            {% for stream in graph.landfall_upstream_positions.get(key) or upstream_positions(parent) %}
                {% do found.setdefault(stream, []).append(there.schema ~ '.' ~ there.alias) %}
            {% endfor %}
        {% elif parent and is_looked_through(parent) %}
            {% do add_upstream_positions(parent.depends_on.nodes, deferred, found, seen) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{# Whether `ref` gives a model's relation of the other environment: as dbt decides it (RuntimeRefResolver.create_relation). #}
{% macro is_deferred(node) %}
    {% if not node.defer_relation or not invocation_args_dict.get('defer') or node.config.materialized == 'ephemeral' %}
        {% do return(false) %}
    {% endif %}
    {% if invocation_args_dict.get('favor_state') and node.unique_id not in selected_resources %} {% do return(true) %} {% endif %}
    {% do return(adapter.get_relation(node.database, node.schema, node.alias) is none) %}
{% endmacro %}


{#
    First statements of a model's transaction, in one round trip: take its turn (ops.lock_model), so that runs follow one another, and see
    what is there. Each statement sees what was committed when it began.
    Returns {relation: none or {kind, columns}, definition_md5, reporting_timezone, script_md5, project, let_go}. let_go: of the streams
    whose facts were let go, from which day on (UTC) they are kept; `landfall retention` waits for the turn before it sets that.
    A relation that it reads and of which no position is known would count as empty: it ends there.
#}
{% macro take_turn(relation, upstreams) %}
    {% set key = progress_key(relation) %}
    {% set reads = text_literal(tojson(upstreams)) %}
    {% call statement('take_turn', fetch_result=true, auto_begin=true) %}
        select ops.lock_model('{{ key }}', {{ reads }});

        select json_build_object(
            'without_position', ops.without_position({{ reads }}),
            'relation', ({{ describe_relation(relation) }}),
            'definition_md5', d.definition_md5,
            'reporting_timezone', d.reporting_timezone,
            'script_md5', s.script_md5,
            'project', s.project,
            'let_go', (
                select coalesce(json_object_agg(b.stream, to_char(b.kept_from at time zone 'UTC', 'YYYY-MM-DD')), '{}')
                from ops.fact_bounds as b
                where jsonb_exists({{ reads }}, b.stream)
            )
        )::text
        from ops.model_definition as d
        left join ops.model_scripts as s on s.relation = d.relation
        where d.relation = '{{ key }}'
    {% endcall %}
    {% set turn = fromjson(load_result('take_turn').data[0][0]) %}
    {% if turn.without_position %}
        {% do exceptions.raise_compiler_error(
            model.name ~ ' reads ' ~ turn.without_position | join(', ') ~ ', of which ops.model_progress knows no load: build that first, '
            ~ 'copy it with dbt clone, or read another environment\'s with --defer --state.'
        ) %}
    {% endif %}
    {% do return(turn) %}
{% endmacro %}
