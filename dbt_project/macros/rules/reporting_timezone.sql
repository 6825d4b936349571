{#
    The zone whose clock the days and hours of the marts are of: LANDFALL_REPORTING_TIMEZONE, or else the var reporting_timezone; what a
    command gives with --vars goes before both. A parse does not know it, as its result serves many runs: what it keeps of a model's
    config says UTC, and in_reporting_timezone() puts the zone in. Unit tests are of UTC where they name no other.
#}
{% macro reporting_timezone() -%}
    {% if not execute %}
        {% do return('UTC') %}
    {% elif model.resource_type == 'unit_test' %}
        {% do return(((model.overrides or {}).vars or {}).get('reporting_timezone', 'UTC')) %}
    {% endif %}
    {% set given = (invocation_args_dict.get('vars') or {}).get('reporting_timezone') %}
    {% do return(given or env_var('LANDFALL_REPORTING_TIMEZONE', '') or var('reporting_timezone')) %}
{%- endmacro %}

{# SQL of a model's config (an index, meta.event_day) with the zone of this run. #}
{% macro in_reporting_timezone(sql) -%}
    {{ sql | replace("at time zone 'UTC'", "at time zone '" ~ reporting_timezone() ~ "'") }}
{%- endmacro %}

{# Whether a model's rows are of days: these are recorded with the zone in which they were counted (ops.model_definition). #}
{% macro is_counted_by_day(node) %}
    {% do return(node.config.get('meta', {}).get('event_day') is not none) %}
{% endmacro %}

{#
    SQL of the zone in which a table was counted. Views ask for it, so that they agree with the table beneath at every moment of a change
    of zone, and whichever models a run is of.
#}
{% macro counted_timezone(relation) -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        '{{ reporting_timezone() }}'
    {%- else -%}
        coalesce((select definition.reporting_timezone from ops.model_definition as definition where definition.relation = '{{ progress_key(relation) }}'), 'UTC')
    {%- endif -%}
{%- endmacro %}


{# Their keys by their relations; kept in the graph, see graph_node. #}
{% macro relations_counted_by_day() %}
    {% if 'landfall_counted_by_day' not in graph %}
        {% set found = {} %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' and is_counted_by_day(node) %}
            {% do found.update({node.schema ~ '.' ~ node.alias: node.unique_id}) %}
        {% endfor %}
        {% do graph.update({'landfall_counted_by_day': found}) %}
    {% endif %}
    {% do return(graph.landfall_counted_by_day) %}
{% endmacro %}


{#
    At a run's start: tables are never counted in two zones. Where some were counted in another one than this run's, only a full refresh
    of them all may run; it may have been broken off, or another process may have another setting.
#}
{% macro check_reporting_timezone() %}
    {% if not execute or flags.WHICH not in ('run', 'build') or flags.EMPTY %}{% do return('') %}{% endif %}
    {% set zone = reporting_timezone() %}
    {% set counted = relations_counted_by_day() %}
    {% set selected = counted.values() | select('in', selected_resources) | list %}
    {% if not selected %}{% do return('') %}{% endif %}
    {% set rows = run_query(
        'select relation, reporting_timezone from ops.model_definition where reporting_timezone is not null order by 1'
    ).rows %}
    {% set others, same = {}, [] %}
    {% for relation, of in rows if relation in counted %}
        {% if of == zone %}{% do same.append(relation) %}{% else %}{% do others.update({relation: of}) %}{% endif %}
    {% endfor %}
    {% if not same and not run_query("select 1 from pg_timezone_names where name = " ~ text_literal(zone)).rows %}
        {% do exceptions.raise_compiler_error(
            'reporting_timezone is ' ~ zone ~ ', which Postgres does not know: write a name like Europe/Berlin.'
        ) %}
    {% endif %}
    {% if others and flags.FULL_REFRESH %}
        {% do check_all_days_can_be_counted(others.values() | first, zone) %}
    {% endif %}
    {% set left = [] %}
    {% for relation in others if not flags.FULL_REFRESH or counted[relation] not in selected_resources %}
        {% do left.append(relation) %}
    {% endfor %}
    {% if left %}
        {% set of = others[left[0]] %}
        {% do exceptions.raise_compiler_error(
            'The marts are counted in ' ~ of ~ ' (' ~ left[0] ~ (' and ' ~ (left | length - 1) ~ ' more tables' if left | length > 1)
            ~ '), and reporting_timezone is ' ~ zone ~ ': run `landfall refresh --full-refresh`, which counts all of them anew, or set '
            ~ 'LANDFALL_REPORTING_TIMEZONE=' ~ of ~ '.'
        ) %}
    {% endif %}
    {% do return('') %}
{% endmacro %}


{# Days whose facts were let go stay in the zone in which they were counted. #}
{% macro check_all_days_can_be_counted(of, zone) %}
    {% for row in run_query(
        "select stream, to_char(kept_from at time zone 'UTC', 'YYYY-MM-DD') from ops.fact_bounds order by kept_from desc limit 1"
    ).rows %}
        {% do exceptions.raise_compiler_error(
            'The marts are counted in ' ~ of ~ ', and reporting_timezone is ' ~ zone ~ ': facts of ' ~ row[0] ~ ' before ' ~ row[1]
            ~ ' were let go, so their days cannot be counted in another zone: set LANDFALL_REPORTING_TIMEZONE=' ~ of ~ '.'
        ) %}
    {% endfor %}
{% endmacro %}


{# The same behind the lock of one table: a run that began in another zone may have overtaken this one. #}
{% macro check_counted_timezone(relation, turn, filled_anew) %}
    {% if filled_anew and turn.let_go and turn.reporting_timezone not in (none, reporting_timezone()) %}
        {% do check_all_days_can_be_counted(turn.reporting_timezone, reporting_timezone()) %}
    {% endif %}
    {% if turn.relation and is_counted_by_day(model) and not filled_anew and not flags.EMPTY %}
        {% if turn.reporting_timezone and turn.reporting_timezone != reporting_timezone() %}
            {% do exceptions.raise_compiler_error(
                relation ~ ' is counted in ' ~ turn.reporting_timezone ~ ', and reporting_timezone is ' ~ reporting_timezone()
                ~ ': run `landfall refresh --full-refresh`.'
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{# Of a table that is counted from its start, in the transaction that does it. #}
{% macro record_counted_timezone(relation) %}
    {% call statement('record_counted_timezone') %}
        update ops.model_definition
        set reporting_timezone = {{ text_literal(reporting_timezone()) if is_counted_by_day(model) else 'null' }}
        where relation = '{{ progress_key(relation) }}'
    {% endcall %}
{% endmacro %}
