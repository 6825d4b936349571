{# Up to which load of a stream a relation holds everything: to compare it with facts, which another run may have moved on. #}
{% macro position_in(relation, stream) -%}
    (select coalesce(max(position), 0) from ops.model_progress where relation = '{{ progress_key(relation) }}' and source = '{{ stream }}')
{%- endmacro %}

{#
    Condition: these relations have read the same loads of a stream. A run moves them on one by one, and between two of them there is
    nothing to compare: what one has counted is not wrong for being newer.
#}
{% macro are_as_far(stream, relations) -%}
    {%- for relation in relations[1:] -%}
        {{ position_in(relation, stream) }} = {{ position_in(relations[0], stream) }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Condition: a row of the stream's newest loads, of half a day where it lands every five seconds. For tests of what grows for ever. #}
{% macro is_of_newest_loads(column, stream) -%}
    {{ column }} > (select coalesce(max(load_id), 0) - {{ var('tested_loads') }} from landing.loads where stream = '{{ stream }}')
{%- endmacro %}
