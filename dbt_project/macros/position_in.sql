{# Up to which load of a stream a relation holds everything: to compare it with facts, which another run may have moved on. #}
{% macro position_in(relation, stream) -%}
    (select coalesce(max(position), 0) from ops.model_progress where relation = '{{ progress_key(relation) }}' and source = '{{ stream }}')
{%- endmacro %}
