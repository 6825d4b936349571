{#
    A price in a store's own notation: `316.00`, `915,00`, `1,725.00`, `4.990,00`, `22 688,00`, `1'725.00`, `1.725`. A last separator
    with one or two digits behind it is the decimal one; others group digits, by thousands or as in `1,25,000.00`. Anything else is null.
    Groups are parted by a dot, comma, apostrophe or space, of which there are some kinds. At most 18 digits before the decimal one.
#}
{% macro read_price(text) -%}
    {%- set grouping = "[.,''’ \u00a0\u202f\u2009]" -%}
    case
        when length({{ text }}) <= 18 and {{ text }} ~ '^[0-9]+([.,][0-9][0-9]?)?$' then replace({{ text }}, ',', '.')::numeric
        when {{ text }} ~ '^[0-9]{1,18}([.,][0-9]{1,2})?$' then replace({{ text }}, ',', '.')::numeric
        when {{ text }} ~ '^[1-9][0-9]{0,2}({{ grouping }}[0-9]{2,3}){0,4}{{ grouping }}[0-9]{3}([.,][0-9]{1,2})?$'
            then
                (
                    regexp_replace(regexp_replace({{ text }}, '[.,][0-9]{1,2}$', ''), '[^0-9]', '', 'g')
                    || coalesce('.' || substring({{ text }} from '[.,]([0-9]{1,2})$'), '')
                )::numeric
    end
{%- endmacro %}
