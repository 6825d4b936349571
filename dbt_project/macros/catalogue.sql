{#
    What a model is to whoever reads it stands beside it, in `meta` of its yml, or of dbt_project.yml for a whole folder:
    - kind: staging (a stream's landed records), events (a row per event key), rejected, accounts, values, newest (what the quality models
      read of a stream), fact, dimension, kpi, latest (the newest day of a kpi), state (of the
      system, for who may read the marts alone), intermediate, quality; none: other;
    - day_column: the column whose day a row is of;
    - counts: of values, the kinds of values that it counts;
    - reads: of a quality model, the kinds that it reads of every stream.
    The streams are those that it reads. A view, ops.catalogue, shows it; nothing repeats it.
#}
{% macro catalogued_models(of_kind=none) %}
    {% set per_stream = ['staging', 'events', 'rejected', 'accounts', 'values', 'newest'] %}
    {% set kinds = per_stream + ['fact', 'dimension', 'kpi', 'latest', 'state', 'intermediate', 'quality', 'other'] %}
    {% set found = [] %}
    {% if not execute %} {% do return(found) %} {% endif %}
    {% for node in graph.nodes.values() | sort(attribute='name') if node.resource_type == 'model' %}
        {% set meta = node.config.get('meta', {}) %}
        {% set kind = meta.get('kind', 'other') %}
        {% if of_kind is none or kind == of_kind %}
            {% set streams = upstream_positions(node) | sort %}
            {% if kind not in kinds %}
                {% do exceptions.raise_compiler_error(node.name ~ ': meta.kind is ' ~ kind ~ '; write one of ' ~ kinds | join(', ') ~ '.') %}
            {% elif meta.get('day_column') and meta.day_column not in node.columns %}
                {% do exceptions.raise_compiler_error(node.name ~ ': meta.day_column is ' ~ meta.day_column ~ ', which is no column of it.') %}
            {% elif kind in per_stream and streams | length != 1 %}
                {% do exceptions.raise_compiler_error(node.name ~ ': of kind ' ~ kind ~ ', it reads one stream; it reads ' ~ streams | length ~ '.') %}
            {% endif %}
            {% for other in found if kind in per_stream and other.kind == kind and other.streams == streams %}
                {% do exceptions.raise_compiler_error(
                    node.name ~ ': ' ~ streams[0] ~ ' has a model of kind ' ~ kind ~ ' already, ' ~ other.node.name ~ '.'
                ) %}
            {% endfor %}
            {% do found.append({'node': node, 'kind': kind, 'streams': streams, 'meta': meta}) %}
        {% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# The rows of ops.catalogue, each behind a comma. #}
{% macro catalogue_rows() %}
    {%- for item in catalogued_models() %},
    (
        {{ text_literal(item.node.schema ~ '.' ~ item.node.alias) }}, {{ text_literal(item.kind) }}, {{ text_array(item.streams) }},
        {{ text_literal(item.meta.day_column) if item.meta.get('day_column') else 'null' }}, {{ text_array(item.meta.get('counts', [])) }},
        {{ text_literal(item.node.description | trim) }}
    )
    {%- endfor %}
{% endmacro %}

{% macro text_array(texts) -%}
    array[{% for text in texts %}{{ text_literal(text) }}{{ ',' if not loop.last }}{% endfor %}]::text[]
{%- endmacro %}


{# The models of a kind that each stream has one of: [{stream, node, relation}, …]. #}
{% macro models_of(kind) %}
    {% set found = [] %}
    {% for item in catalogued_models(kind) %}
        {% set relation = api.Relation.create(database=item.node.database, schema=item.node.schema, identifier=item.node.alias) %}
        {% do found.append({'stream': item.streams[0], 'node': item.node, 'relation': relation}) %}
    {% endfor %}
    {% do return(found | sort(attribute='stream')) %}
{% endmacro %}


{# A query of these columns of every stream's table of a kind, behind the column `stream`. The model names the kind in meta.reads. #}
{% macro rows_of_every_stream(kind, columns) %}
    {%- if execute and kind not in (config.get('meta') or {}).get('reads', []) %}
        {% do exceptions.raise_compiler_error(model.name ~ ' reads the ' ~ kind ~ ' of every stream: write that in its meta.reads.') %}
    {%- endif %}
    {%- for item in models_of(kind) %}
    {{ 'union all' if not loop.first }}
    select '{{ item.stream }}' as stream, {{ columns | join(', ') }} from {{ item.relation }}
    {%- endfor %}
{% endmacro %}


{#
    Before a view over the tables of every stream is made, whose kinds stand in its meta.reads. It finds them in the graph, so that a new
    stream is in it by itself; as it has no reference to them, dbt may make it first. Those that are not there yet are made here, empty,
    as their own models make them, behind the lock that these take.
#}
{% macro make_missing_tables() %}
    {% for kind in (config.get('meta') or {}).get('reads', []) if execute %}
        {% for item in models_of(kind) if not relation_in_database(item.relation) %}
            {% do lock_definition(item.relation) %}
            {% set columns = adapter.render_raw_columns_constraints(raw_columns=item.node.columns) %}
            {% set constraints = adapter.render_raw_model_constraints(raw_constraints=item.node.constraints) %}
            {% call statement('make_missing_table') %}
                create table if not exists {{ item.relation }} ({{ (columns + constraints) | join(', ') }})
            {% endcall %}
        {% endfor %}
    {% endfor %}
{% endmacro %}
