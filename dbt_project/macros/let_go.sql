{#
    Old facts are let go (`landfall retention`, LANDFALL_FACT_RETENTION_DAYS): ops.fact_bounds has the bound of each stream from which on
    events are counted. What was counted of days before it stays as it was, which is held where rows are written: facts by
    ops.take_out_let_go, counts by is_of_let_go_days, for all models whose meta.event_day gives the day of a row.
#}

{# The bound, '-infinity' where nothing was let go. A script gets it as an instant, so that conditions on it go away where there is none. #}
{% macro facts_kept_from(stream) -%}
    {%- if reads_everything() -%}
        timestamptz '-infinity'
    {%- else -%}
        (select coalesce(max(bounds.kept_from), '-infinity') from ops.fact_bounds as bounds where bounds.stream = '{{ stream }}')
    {%- endif -%}
{%- endmacro %}

{# Whether facts of one of these streams were let go: false at once where none were, and Postgres looks at nothing behind it. #}
{% macro something_is_let_go(streams) -%}
    (
        {%- for stream in streams | sort %}
        {{ facts_kept_from(stream) }} > '-infinity' {{- ' or' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{# Whether a day is one before the bound of one of these streams: it is not counted again. #}
{% macro is_of_let_go_days(day, streams) -%}
    (
        {%- for stream in streams | sort %}
        ({{ something_is_let_go([stream]) }} and ({{ day }}) < {{ reporting_day(facts_kept_from(stream)) }}) {{- ' or' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{# The same of a row of this model. #}
{% macro is_let_go_row() -%}
    {{ is_of_let_go_days(in_reporting_timezone(config.get('meta').event_day), upstream_positions(model)) }}
{%- endmacro %}

{#
    Whether an event belongs to a session that stays as it was: the event is of a day before the bound, or lies within the session of its
    `key` that had begun before and went on over it. `event`: a relation with `key` and event_at; `sessions`: the table of them, else this.
#}
{% macro is_of_let_go_session(stream, event, key, sessions=none) -%}
    (
        {{ something_is_let_go([stream]) }} and (
            {{ is_of_let_go_days(reporting_day(event ~ '.event_at'), [stream]) }}
            or exists (
                select from {{ sessions or this }} as begun
                where
                    begun.{{ key }} = {{ event }}.{{ key }}
                    and begun.ended_at >= {{ event }}.event_at
                    and {{ is_of_let_go_days(reporting_day('begun.started_at'), [stream]) }}
            )
        )
    )
{%- endmacro %}


{#
    A bucket without a day would be counted again from facts of which some are gone, so there is none once some were let go. `let_go`: see
    take_turn. `landfall retention` lets nothing go while there is one (warehouse/letting_go.py).
#}
{% macro check_buckets_have_days(model, let_go) %}
    {% if let_go and config.get('incremental_strategy') == 'rebuild_buckets' and not is_counted_by_day(model) and reads_facts(model) %}
        {% set stream = let_go | first %}
        {% do exceptions.raise_compiler_error(
            model.name ~ ' counts buckets of facts without meta.event_day, and facts of ' ~ stream ~ ' before ' ~ let_go[stream]
            ~ ' were let go: give it buckets of days, or read a table that keeps what it counts.'
        ) %}
    {% endif %}
{% endmacro %}

{# Whether a model reads a table of facts in partitions, itself or through views. #}
{% macro reads_facts(node) %}
    {% for key in node.depends_on.nodes %}
        {% set parent = graph_node(key) %}
        {% if parent and parent.resource_type == 'model' and (parent.config.get('partition_by') or (is_looked_through(parent) and reads_facts(parent))) %}
            {% do return(true) %}
        {% endif %}
    {% endfor %}
    {% do return(false) %}
{% endmacro %}

{# At a run's start, once: what a full refresh is not going to do. #}
{% macro warn_of_let_go_facts() %}
    {% if execute and flags.FULL_REFRESH %}
        {% for row in run_query(
            "select stream, to_char(kept_from at time zone 'UTC', 'YYYY-MM-DD') from ops.fact_bounds order by 1"
        ).rows %}
            {% do exceptions.warn(
                row[0] ~ ': facts before ' ~ row[1] ~ ' were let go (landfall retention), so what was counted of days before it stays as'
                ~ ' it is, and so do the facts; the rest is counted anew.'
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
