{# The schema as the model names it (`marts`), or, for a developer, one of their own (`dev_ada_marts`). #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.name == 'prod' -%}
        {{ custom_schema_name or target.schema }}
    {%- else -%}
        {%- set own = modules.re.sub('[^a-z0-9_]', '_', target.schema | lower) -%}
        {{ own ~ '_' ~ custom_schema_name if custom_schema_name else own }}
    {%- endif -%}
{%- endmacro %}
