{#
    Keys of a kind (ops.changes.kind) that new change loads name: what was counted under a key that facts do not have any more, such as
    the device of an erased person, is not found through facts.
#}
{% macro changed_keys(stream, kind) -%}
    {%- if model.resource_type == 'unit_test' -%}
        select null::uuid as key where false
    {%- else -%}
        select changes.key from ops.changes as changes
        where changes.stream = '{{ stream }}' and changes.kind = '{{ kind }}' and {{ unread_loads(stream, 'changes.load_id') }}
    {%- endif -%}
{%- endmacro %}
