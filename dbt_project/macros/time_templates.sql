{#
    A time in a template of Postgres' to_timestamp, read strictly: to_timestamp itself takes `31/02/2026` for a day of March and overlooks
    what stands behind. The text must match the template letter by letter; its parts are put in the order of ISO 8601, and Postgres is asked
    whether there is such a time.
#}
{% macro template_clock(text, format, zone) -%}
    {%- set template = read_template(format) -%}
    case
        {%- for century in template.centuries %}
        {%- set time = "regexp_replace(" ~ text ~ ", '" ~ century.pattern ~ "', '" ~ century.replacement ~ "')" %}
        when {{ text }} ~ '{{ century.pattern }}' and pg_input_is_valid({{ time }}, '{{ 'timestamptz' if template.has_offset else 'timestamp' }}')
            then {{ '(' ~ time ~ ')::timestamptz' if template.has_offset else in_zone(time, zone) }}
        {%- endfor %}
    end
{%- endmacro %}

{#
    A template as a regular expression and what puts its groups in the order of ISO 8601, one of both for each century that the year may be
    of: {has_offset, centuries: [{pattern, replacement}]}. Rules as in landing_stream/event_time.py, which refuses other templates.
#}
{% macro read_template(format) -%}
    {%- set numbers = {
        'YYYY': 'year', 'YY': 'year', 'MM': 'month', 'DD': 'day', 'HH24': 'hour', 'HH12': 'hour', 'HH': 'hour', 'MI': 'minute', 'SS': 'second',
        'MS': 'fraction', 'US': 'fraction', 'FF1': 'fraction', 'FF2': 'fraction', 'FF3': 'fraction', 'FF4': 'fraction', 'FF5': 'fraction',
        'FF6': 'fraction',
    } -%}
    {%- set others = {
        'MON': 'month', 'MONTH': 'month', 'DAY': 'weekday', 'DY': 'weekday', 'AM': 'half', 'PM': 'half', 'TZH': 'offset', 'TZHTZM': 'offset',
        'TZH:TZM': 'offset',
    } -%}
    {%- set months = [
        'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December',
    ] -%}
    {%- set days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] -%}
    {%- set names = {'MON': months, 'MONTH': months, 'DY': days, 'DAY': days} -%}
    {%- set fixed = {
        'YYYY': '[0-9]{4}', 'MI': '[0-5][0-9]', 'SS': '[0-5][0-9]', 'AM': '[AaPp][Mm]', 'PM': '[AaPp][Mm]', 'TZH': '[+-][0-9]{2}',
        'TZHTZM': '[+-][0-9]{4}', 'TZH:TZM': '[+-][0-9]{2}:[0-9]{2}',
    } -%}
    {%- set apart = {'MM': '[0-9]{1,2}', 'DD': '[0-9]{1,2}', 'HH24': '[01]?[0-9]|2[0-3]', 'HH12': '0?[1-9]|1[0-2]', 'HH': '0?[1-9]|1[0-2]'} -%}
    {%- set beside = {'MM': '[0-9]{2}', 'DD': '[0-9]{2}', 'HH24': '[01][0-9]|2[0-3]', 'HH12': '0[1-9]|1[0-2]', 'HH': '0[1-9]|1[0-2]'} -%}
    {%- set tokens = modules.re.findall(
        '"[^"]*"|(?:FM)?(?:YYYY|YY|MONTH|MON|MM|DAY|DD|DY|HH24|HH12|HH|MI|SS|MS|US|FF[1-6]|AM|PM|TZH:TZM|TZHTZM|TZH)|.',
        format, modules.re.IGNORECASE + modules.re.DOTALL
    ) -%}
    {%- set words = [] -%}
    {%- for token in tokens -%}
        {%- set word = (token[2:] if token | length > 2 and token[:2] | upper == 'FM' else token) | upper -%}
        {%- do words.append(word if word in numbers or word in others else none) -%}
    {%- endfor -%}
    {%- set pattern = [] -%}
    {%- set groups = {} -%}
    {%- for token in tokens -%}
        {%- set word = words[loop.index0] -%}
        {%- if word is none -%}
            {%- set text = token[1:-1] if token | length > 1 else token -%}
            {%- do pattern.append(modules.re.sub('([][.^$*+?(){}|])', '\\\\\\1', text) | replace("'", "''")) -%}
        {%- else -%}
            {%- set is_apart = (loop.first or words[loop.index0 - 1] not in numbers) and (loop.last or words[loop.index0 + 1] not in numbers) -%}
            {%- set part = numbers.get(word, others.get(word)) -%}
            {%- if word == 'DD' and not loop.first and tokens[loop.index0 - 1] == ' ' -%}{%- do pattern.append(' ?') -%}{%- endif -%}
            {%- if part == 'weekday' -%}
                {%- do pattern.append('(?:' ~ any_case(names[word], 3 if word == 'DY' else none) ~ ')') -%}
            {%- else -%}
                {%- do groups.update({part: '\\' ~ (groups | length + 1)}) -%}
                {%- if word == 'YY' -%}
                    {%- do pattern.append(none) -%}
                {%- elif word in names -%}
                    {%- do pattern.append('(' ~ any_case(names[word], 3 if word == 'MON' else none) ~ ')') -%}
                {%- elif part == 'fraction' -%}
                    {%- set digits = {'MS': '3', 'US': '6'}.get(word, word[2:]) -%}
                    {%- do pattern.append('([0-9]{1,6})[0-9]{0,24}' if is_apart else '([0-9]{' ~ digits ~ '})') -%}
                {%- else -%}
                    {%- do pattern.append('(' ~ fixed.get(word, (apart if is_apart else beside).get(word)) ~ ')') -%}
                {%- endif -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set rest = '-' ~ groups.month ~ '-' ~ groups.day ~ ' ' ~ groups.get('hour', '00') ~ ':' ~ groups.get('minute', '00') ~ ':'
        ~ groups.get('second', '00') ~ ('.' ~ groups.fraction if 'fraction' in groups else '')
        ~ (' ' ~ groups.half if 'half' in groups else '') ~ (' ' ~ groups.offset if 'offset' in groups else '') -%}
    {%- set centuries = [] -%}
    {%- for century, years in ([('19', '[7-9][0-9]'), ('20', '[0-6][0-9]')] if 'YY' in words else [('', '')]) -%}
        {%- set filled = [] -%}
        {%- for piece in pattern -%}{%- do filled.append('(' ~ years ~ ')' if piece is none else piece) -%}{%- endfor -%}
        {%- do centuries.append({'pattern': '^' ~ filled | join ~ '$', 'replacement': century ~ groups.year ~ rest}) -%}
    {%- endfor -%}
    {{ return({'has_offset': 'offset' in groups, 'centuries': centuries}) }}
{%- endmacro %}

{# A regular expression for some names, or their first letters, in upper and lower case. #}
{% macro any_case(names, letters=none) -%}
    {%- set found = [] -%}
    {%- for name in names -%}
        {%- set spelled = [] -%}
        {%- for letter in (name[:letters] if letters else name) -%}{%- do spelled.append('[' ~ letter | upper ~ letter | lower ~ ']') -%}{%- endfor -%}
        {%- do found.append(spelled | join) -%}
    {%- endfor -%}
    {{ return(found | join('|')) }}
{%- endmacro %}
