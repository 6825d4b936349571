{#
    Which loads a run and its models read: see docs in models/_progress.md.

    A run reads to one horizon per stream. A model reads from its own position to the least of the horizon and the
    positions of the relations that it reads, and moves there in the transaction that writes its rows.
#}

{# At the run's start: the newest load of each stream that has landed and is enriched. Old horizons go, without waiting for another run. #}
{% macro capture_horizon() %}
    with outdated as (
        select h.invocation_id, h.stream from ops.run_horizon as h
        where h.captured_at < clock_timestamp() - interval '7 days'
        for update skip locked
    ),

    forgotten as (
        delete from ops.run_horizon as h using outdated as o
        where h.invocation_id = o.invocation_id and h.stream = o.stream
    )

    insert into ops.run_horizon (invocation_id, stream, hi)
    select '{{ invocation_id }}', s.stream, s.hi from ops.horizons as s
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

{% macro landed_at_of_new_loads(stream, aggregate) -%}
    (select {{ aggregate }}(landed_at) from landing.loads where stream = '{{ stream }}' and {{ unread_loads(stream, 'load_id') }})
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
    First statements of a model's transaction, in one round trip, of which a refresh makes hundreds: take its rows, so that runs follow
    one another, hold still what it reads, and plan how far it reads. Each statement sees what was committed when it began.
    Returns {plan: [{stream, position, reads_to}, …], relation: none or {kind, columns}, definition_md5, reporting_timezone}.
    A relation that it reads and of which no position is known would count as empty: it ends there.

    `stand_still`: see reads_nothing.
#}
{% macro take_turn(relation, upstreams, stand_still) %}
    {% set key = progress_key(relation) %}
    {% set read_relations = upstreams.values() | sum(start=[]) | unique | sort %}
    {% call statement('take_turn', fetch_result=true, auto_begin=true) %}
        insert into ops.model_progress (relation, source) values
        {% for stream in upstreams | sort -%}
            ('{{ key }}', '{{ stream }}') {{- ',' if not loop.last }}
        {% endfor %}
        on conflict do nothing;

        select 1 from ops.model_progress where relation = '{{ key }}' order by source for update;

        {% if read_relations %}
            select 1 from ops.model_progress
            where relation in ({% for name in read_relations %}'{{ name }}'{{ ', ' if not loop.last }}{% endfor %})
            order by relation, source
            for share;
        {% endif %}

        {{ lock_definition_row(relation) }};

        with planned as ({{ plan_progress(relation, upstreams, false, stand_still) }})

        select json_build_object(
            'plan', (select json_agg(planned) from planned),
            'without_position', (
                select json_agg(name)
                from unnest(array[{% for name in read_relations %}'{{ name }}'{{ ', ' if not loop.last }}{% endfor %}]::text[]) as name
                where name not in (select relation from ops.model_progress)
            ),
            'relation', ({{ describe_relation(relation) }}),
            'definition_md5', (select definition_md5 from ops.model_definition where relation = '{{ key }}'),
            'reporting_timezone', (select reporting_timezone from ops.model_definition where relation = '{{ key }}')
        )::text
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

{# `from_start`: the relation was just made or emptied, so nothing is in it. #}
{% macro plan_progress(relation, upstreams, from_start, stand_still) %}
    {% set key = progress_key(relation) %}
    update ops.model_progress as p
    set
        position = {{ '0' if from_start else 'p.position' }},
        reads_to = {% if stand_still %}{{ '0' if from_start else 'p.position' }}{% else %}bounds.reads_to{% endif %}
    from (
        {% for stream in upstreams | sort -%}
        select
            '{{ stream }}' as source,
            least(
                greatest(
                    {# what was in the relation is readable, whatever this run's horizon #}
                    (select position from ops.model_progress where relation = '{{ key }}' and source = '{{ stream }}'),
                    (select hi from ops.run_horizon where invocation_id = '{{ invocation_id }}' and stream = '{{ stream }}')
                )
                {%- for name in upstreams[stream] %},
                coalesce((select position from ops.model_progress where relation = '{{ name }}' and source = '{{ stream }}'), 0)
                {%- endfor %}
            ) as reads_to
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as bounds
    where p.relation = '{{ key }}' and p.source = bounds.source
    returning p.source as stream, p.position, p.reads_to
{% endmacro %}

{# The same plan for a relation that turns out to hold nothing. #}
{% macro plan_from_start(relation, upstreams, stand_still) %}
    {% call statement('plan_from_start', fetch_result=true) %}
        with planned as ({{ plan_progress(relation, upstreams, true, stand_still) }})
        select json_agg(planned)::text from planned
    {% endcall %}
    {% do return(fromjson(load_result('plan_from_start').data[0][0])) %}
{% endmacro %}


{# In the transaction that writes the rows: what the model has read is in it. Never backwards. #}
{% macro move_progress(relation) %}
    update ops.model_progress
    set position = greatest(position, reads_to), updated_at = clock_timestamp()
    where relation = '{{ progress_key(relation) }}' and reads_to > position
{% endmacro %}


{#
    The model's SQL with its bounds as numbers instead of subqueries, which say the same: the planner then knows how much
    there is to read (a range of unknown bounds counts as 0.5 % of the table, whatever its size).
#}
{% macro with_literal_bounds(sql, plan) %}
    {% set out = namespace(sql=sql) %}
    {% for item in plan %}
        {% for aggregate in ('min', 'max') %}
            {% set expression = landed_at_of_new_loads(item.stream, aggregate) %}
            {% if expression in out.sql %}
                {% set found = run_query(
                    "select " ~ aggregate ~ "(landed_at)::text from landing.loads where stream = '" ~ item.stream
                    ~ "' and load_id > " ~ item.position ~ " and load_id <= " ~ item.reads_to
                ).rows[0][0] %}
                {% set literal = "timestamptz '" ~ found ~ "'" if found else 'null::timestamptz' %}
                {% set out.sql = out.sql | replace(expression, literal) %}
            {% endif %}
        {% endfor %}
        {% set out.sql = out.sql | replace(position_of(item.stream), item.position) | replace(reads_to(item.stream), item.reads_to) %}
    {% endfor %}
    {% do return(out.sql) %}
{% endmacro %}
